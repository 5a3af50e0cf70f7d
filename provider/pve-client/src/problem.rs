//! The one place where error texts of Proxmox VE are read.

/// What an error text means. Shared by calls and tasks, which fail with the same texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The object does not exist.
    NotFound,
    /// Something else that the request names, such as a storage, does not exist: the object itself may be there.
    MissingReference,
    /// The cluster has no such node.
    NoNode,
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
    /// A device of the node serves another running machine.
    DeviceInUse,
    /// A mapping has nothing on the node, or what it has is not what it says.
    MappingUnusable,
    /// The server of a storage does not answer.
    StorageOffline,
    /// A file that a node fetched is another one than expected.
    WrongChecksum,
    /// A node could not fetch a file.
    NotFetched,
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
fn classify(text: &str) -> Problem {
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
    } else if has("guest agent is not running") || has("command 'guest-") && has("got timeout") {
        Problem::AgentSilent
    } else if text.starts_with("pci device '") && has("use by vmid")
        || text.starts_with("could not find a free device")
    {
        Problem::DeviceInUse
    } else if has("device mapping not found for")
        || has("mapping invalid")
        || text.starts_with("no directory mapping for node")
        || text.starts_with("directory id ") && text.ends_with("does not exist.")
    {
        Problem::MappingUnusable
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
    } else if has("already exists") && !has("gateway already exists")
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
        about_place(&text)
    }
}

/// Reads what is said of nodes, of storages and of files on their way to one.
fn about_place(text: &str) -> Problem {
    if text.contains("storage '") && text.ends_with("' is not online") {
        Problem::StorageOffline
    } else if text.contains("checksum mismatch: got '") {
        Problem::WrongChecksum
    } else if text.starts_with("download failed: ") {
        Problem::NotFetched
    } else if text.starts_with("hostname lookup '") {
        Problem::NoNode
    } else {
        Problem::Other
    }
}

/// Reads an error text about one object. A storage that is gone must not make the VM that was on it look gone.
/// `object` is the path of the call, or the type of the task.
pub(crate) fn classify_for(object: &str, text: &str) -> Problem {
    match classify(text) {
        Problem::NotFound if !concerns(object, &text.trim().to_ascii_lowercase()) => {
            Problem::MissingReference
        }
        problem => problem,
    }
}

/// What a text says is missing, and in which paths and types of tasks that is the object itself. The first that fits
/// counts: a missing token is named with its user.
const NOUNS: [(&str, &[&str]); 16] = [
    ("cluster node", &[]),
    ("timezone", &[]),
    ("configuration file", &["/qemu", "/lxc", "qm", "vz"]),
    ("snapshot", &["/snapshot", "qmsnapshot", "qmdelsnapshot", "qmrollback"]),
    ("token", &["/token"]),
    ("user", &["/access/users", "/access/tfa", "/access/password"]),
    ("group", &["/access/groups"]),
    ("role", &["/access/roles"]),
    ("pool", &["/pools"]),
    ("storage", &["/storage"]),
    ("mapping", &["/cluster/mapping"]),
    ("resource", &["/cluster/ha/resources"]),
    ("rule", &["/cluster/ha/rules"]),
    ("interface", &["/network"]),
    ("task", &["/tasks"]),
    ("job", &["/cluster/backup", "/cluster/replication", "/cluster/jobs", "/replication"]),
];

fn concerns(object: &str, text: &str) -> bool {
    let noun = NOUNS.iter().find(|(noun, _)| text.contains(noun));
    // A volume is not gone because its storage is.
    let volume = object.contains("/content");
    // Kinds of objects that this client does not speak of yet.
    !volume && noun.is_none_or(|(_, objects)| objects.iter().any(|part| object.contains(part)))
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
    #[expect(clippy::too_many_lines, reason = "one table of texts")]
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
            ("Default gateway already exists on interface 'vmbr0'.", P::Other),
            ("Job 'tf-job' already exists", P::AlreadyExists),
            ("no such token 'tk' for user 'pu@pve'", P::NotFound),
            ("delete role failed: role 'EmptyRole' does not exist", P::NotFound),
            ("delete storage failed: storage 'ds2' does not exist", P::NotFound),
            ("ACL update failed: role 'NoRole' does not exist", P::Other),
            ("create storage failed: storage 'nfs2' is not online", P::StorageOffline),
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
            ("VM 100 qga command 'guest-network-get-interfaces' failed - got timeout", P::AgentSilent),
            ("PCI device '0000:01:00.0' already in use by VMID '104'", P::DeviceInUse),
            ("PCI device '0000:01:00.0' is currently reserved for use by VMID '104'", P::DeviceInUse),
            ("PCI device mapping not found for 'gpu'", P::MappingUnusable),
            ("No directory mapping for node pve2.", P::MappingUnusable),
            ("Directory ID media does not exist.", P::MappingUnusable),
            ("USB device mapping not found for 'stick'", P::MappingUnusable),
            (
                "PCI device mapping invalid (hardware probably changed): missing expected property 'subsystem-id'",
                P::MappingUnusable,
            ),
            ("VM quit/powerdown failed - got timeout", P::GuestTimeout),
            ("base volume 'local:110/base-110-disk-0.qcow2' is still in use by linked cloned", P::InUse),
            ("shrinking disks is not supported", P::Other),
            ("checksum mismatch: got '00' != expect '11'", P::WrongChecksum),
            ("download failed: exit code 8", P::NotFetched),
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
            ("hostname lookup 'nope' failed - failed to get address info", P::NoNode),
        ] {
            assert_eq!(classify(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_the_object_only_where_it_is_what_the_call_is_about() {
        use Problem as P;
        let vm = "/nodes/pve1/qemu/100";
        for (object, text, want) in [
            (vm, "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist", P::NotFound),
            (vm, "storage 'gone' does not exist", P::MissingReference),
            ("qmdestroy", "storage 'gone' does not exist", P::MissingReference),
            ("qmdestroy", "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist", P::NotFound),
            ("qmdelsnapshot", "snapshot 'snap1' does not exist", P::NotFound),
            ("/nodes/pve1/qemu/100/clone", "no such cluster node 'nope'", P::MissingReference),
            (
                "/nodes/pve1/qemu/100/clone",
                "unable to find configuration file for VM 100 on node 'pve1'",
                P::NotFound,
            ),
            ("/storage/gone", "storage 'gone' does not exist", P::NotFound),
            ("/nodes/pve1/storage/gone/status", "No such storage.", P::NotFound),
            (
                "/nodes/pve1/storage/gone/content/gone%3Ax",
                "storage 'gone' does not exist",
                P::MissingReference,
            ),
            ("/access/users/a@pve/token/t", "no such token 't' for user 'a@pve'", P::NotFound),
            ("/access/users/a@pve", "update user failed: no such user ('a@pve')", P::NotFound),
            ("/pools", "delete pool failed: pool 'x' does not exist", P::NotFound),
            ("/cluster/ha/resources/vm:9", "no such resource 'vm:9'", P::NotFound),
            ("/cluster/ha/rules/x", "no such ha rule 'x'", P::NotFound),
            ("/cluster/mapping/dir/x", "mapping 'x' not found", P::NotFound),
            ("/cluster/backup/x", "No such job 'x'", P::NotFound),
            ("/nodes/pve1/network/vmbr9", "interface does not exist", P::NotFound),
            ("/nodes/pve1/time", "No such timezone", P::MissingReference),
            ("/nodes/pve1/tasks/UPID/status", "no such task", P::NotFound),
            (vm, "VM is locked (backup)", P::Locked),
        ] {
            assert_eq!(classify_for(object, text), want, "{object}: {text}");
        }
    }
}
