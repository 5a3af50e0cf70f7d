//! The one place where error texts of Proxmox VE are read.

/// What an error text means. Shared by calls and tasks, which fail with the same texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The object does not exist.
    NotFound,
    /// The id is taken.
    AlreadyExists,
    /// The digest is stale.
    Conflict,
    /// The guest is locked.
    Locked,
    /// A file lock was not free in time.
    Busy,
    /// The guest is protected.
    Protected,
    /// The guest runs and must not.
    Running,
    /// The guest does not run and must.
    NotRunning,
    /// The guest agent is not enabled in the configuration.
    AgentDisabled,
    /// The guest agent does not answer.
    AgentSilent,
    /// The member is in this or another pool.
    Member,
    /// The member is not in the pool.
    NotMember,
    /// A file or volume is still used by something.
    InUse,
    /// The guest did not react in time.
    GuestTimeout,
    /// The task was stopped.
    Interrupted,
    /// Nothing this client knows.
    Other,
}

/// Reads an error text. Emitters: qemu-server 9.2.6 (`QemuServer.pm`, `API2/Qemu.pm`, `QemuConfig.pm`),
/// pve-guest-common 6.0.2 (`AbstractConfig.pm`), pve-common 9.2.1 (`Tools.pm`, `SectionConfig.pm`),
/// pve-access-control 9.1.1 and pve-manager 9.2.11 (`API2/Pool.pm`).
pub fn classify(text: &str) -> Problem {
    let text = text.trim().to_ascii_lowercase();
    let has = |part: &str| text.contains(part);
    if has("checksum mismatch (file change by other user") || has("detected modified configuration") {
        Problem::Conflict
    } else if has("can't lock file")
        || has("unable to acquire lock")
        || has("cfs-lock") && has("got lock request timeout")
    {
        Problem::Busy
    } else if has("is locked (") || has("is locked") && has("vm ") {
        Problem::Locked
    } else if has("protection mode enabled") {
        Problem::Protected
    } else if has("no qemu guest agent configured") {
        Problem::AgentDisabled
    } else if has("guest agent is not running") {
        Problem::AgentSilent
    } else if has("already running")
        || has("is running - ")
        || text.ends_with("if vm is running")
        || has("while the source vm is running")
    {
        Problem::Running
    } else if has("is already a pool member") || has("belongs already to pool") {
        Problem::Member
    } else if has("is not a pool member") {
        Problem::NotMember
    } else if has(" not running") {
        Problem::NotRunning
    } else if has("already exists")
        || has("already defined")
        || has("config file already exists")
        || text.starts_with("snapshot name '") && text.ends_with("already used")
        || has("refusing to override existing file")
    {
        Problem::AlreadyExists
    } else if has("still in use") || has("is used by") || has("is not empty") {
        Problem::InUse
    } else if has("quit/powerdown failed") || has("vm quit") && has("timeout") {
        Problem::GuestTimeout
    } else if text == "interrupted by signal" || has("received interrupt") || text == "unexpected status" {
        Problem::Interrupted
    } else if missing(&text) {
        Problem::NotFound
    } else {
        Problem::Other
    }
}

fn missing(text: &str) -> bool {
    // "delete pool failed: pool 'x' does not exist", but not a missing member or reference: the
    // noun of the action has to be the noun of what is missing.
    let wrapped = text.strip_prefix("delete ").or_else(|| text.strip_prefix("update "));
    if let Some((noun, rest)) = wrapped.and_then(|rest| rest.split_once(" failed: ")) {
        let noun = noun.trim_end_matches('s');
        let about = rest.strip_prefix("no such ").unwrap_or(rest).starts_with(noun);
        return about && missing(rest);
    }
    // A base image or ISO that a task misses is not the object of the call, hence the exact shapes.
    let ends = text.ends_with("does not exist") || text.ends_with("does not exist!");
    let named = [
        "configuration file '",
        "pool '",
        "storage '",
        "role '",
        "user '",
        "group '",
        "snapshot '",
        "snapshot ",
    ];
    (ends && named.iter().any(|start| text.starts_with(start)))
        || text.starts_with("unable to find configuration file for ")
        || text.starts_with("no such ")
        || text.starts_with("resource '") && text.ends_with("does not exist in cluster")
        || text.starts_with("mapping '") && text.ends_with("not found")
        || text == "interface does not exist"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_text_has_its_meaning() {
        use Problem as P;
        for (text, want) in [
            ("Configuration file 'nodes/pve1/qemu-server/555.conf' does not exist\n", P::NotFound),
            ("unable to find configuration file for VM 555 on node 'pve1'", P::NotFound),
            ("no such user ('x')", P::NotFound),
            ("No such job", P::NotFound),
            ("No such storage.", P::NotFound),
            ("no such resource 'vm:999'", P::NotFound),
            ("no such task", P::NotFound),
            ("role 'x' does not exist", P::NotFound),
            ("pool 'x' does not exist", P::NotFound),
            ("storage 'x' does not exist", P::NotFound),
            ("mapping 'x' not found", P::NotFound),
            ("unable to create VM 100 - VM 100 already exists on node 'pve1'", P::AlreadyExists),
            ("unable to create VM 110: config file already exists", P::AlreadyExists),
            ("VM 100 already exists", P::AlreadyExists),
            ("Token already exists.", P::AlreadyExists),
            ("snapshot name 'snap1' already used", P::AlreadyExists),
            ("create storage failed: storage ID 'ds2' already defined", P::AlreadyExists),
            ("interface already exists", P::AlreadyExists),
            ("Job 'tf-job' already exists", P::AlreadyExists),
            ("no such token 'tk' for user 'pu@pve'", P::NotFound),
            ("delete role failed: role 'EmptyRole' does not exist", P::NotFound),
            ("delete storage failed: storage 'ds2' does not exist", P::NotFound),
            ("ACL update failed: role 'NoRole' does not exist", P::Other),
            ("create storage failed: storage 'nfs2' is not online", P::Other),
            ("no such ha rule 'x'", P::NotFound),
            ("checksum mismatch (file change by other user?)", P::Conflict),
            (
                "update failed: detected modified configuration - file changed by other user? Try again.",
                P::Conflict,
            ),
            ("VM is locked (backup)", P::Locked),
            ("can't lock file '/var/lock/qemu-server/lock-170.conf' - got timeout", P::Busy),
            ("can't remove VM 100 - protection mode enabled", P::Protected),
            ("can't remove drive 'scsi0' - protection mode enabled", P::Protected),
            ("VM 102 already running", P::Running),
            ("VM 160 is running - destroy failed", P::Running),
            ("Cannot move disk to another VM while the source VM is running - detach first", P::Running),
            ("VM 100 is not running", P::NotRunning),
            ("No QEMU guest agent configured", P::AgentDisabled),
            ("QEMU guest agent is not running", P::AgentSilent),
            ("VM quit/powerdown failed - got timeout", P::GuestTimeout),
            ("base volume 'local:110/base-110-disk-0.qcow2' is still in use by linked cloned", P::InUse),
            ("shrinking disks is not supported", P::Other),
            ("storage 'x' is not online", P::Other),
            ("no options specified", P::Other),
            ("delete pool failed: pool 'nope' does not exist", P::NotFound),
            ("update user failed: no such user ('ghost@pve')", P::NotFound),
            ("update pools failed: pool 'x' does not exist", P::NotFound),
            ("create user failed: no such group 'nogroup'", P::Other),
            ("update pools failed: storage 'x' does not exist", P::Other),
            ("update pools failed: VM 100 is already a pool member", P::Member),
            (
                "update pools failed: VM 100 belongs already to pool 'p' and 'allow-move' is not set",
                P::Member,
            ),
            ("update pools failed: VM 100 is not a pool member", P::NotMember),
            ("volume 'ds2:iso/nope.iso' does not exist", P::Other),
            ("hostname lookup 'nope' failed - failed to get address info", P::Other),
        ] {
            assert_eq!(classify(text), want, "{text}");
        }
    }
}
