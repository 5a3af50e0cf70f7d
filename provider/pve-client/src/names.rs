//! Names of users, roles, mappings, jobs, rules, snapshots and interfaces.

use std::{fmt, str::FromStr};

use crate::ids::{InvalidId, VmId, invalid, name, word};

/// Proxmox's `pve-configid`: a letter, then letters, digits, `-` and `_`.
fn config_id(text: &str) -> bool {
    text.len() >= 2 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && word(text, "-_")
}

fn realm(text: &str) -> bool {
    text.len() >= 2 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && word(text, ".-_")
}

name!(
    /// The name of a role.
    RoleName,
    "a role name (letters, digits, \".\", \"-\" and \"_\")",
    |text| word(text, ".-_")
);
name!(
    /// The name of a group of users.
    GroupName,
    "a group name (letters, digits, \".\", \"-\" and \"_\")",
    |text| word(text, ".-_")
);
name!(
    /// A user: `name@realm`.
    UserId,
    "a user (name@realm, at most 64 characters, no blanks, \":\" or \"/\")",
    |text| text.len() <= 64
        && text.rsplit_once('@').is_some_and(|(user, domain)| {
            !user.is_empty() && realm(domain) && !user.contains(|c: char| c.is_whitespace() || ":/!".contains(c))
        })
);
name!(
    /// The name of a token of a user.
    TokenName,
    "a token name (a letter, then at least one letter, digit, \".\", \"-\" or \"_\")",
    realm
);
name!(
    /// The name of a hardware or directory mapping.
    MappingName,
    "a mapping name (a letter, then at least one letter, digit, \"-\" or \"_\")",
    config_id
);
name!(
    /// The id of a backup job.
    JobId,
    "a job id (letters, digits, \"-\" and \"_\", two to 50 of them, no \"-\" or \"_\" at the start)",
    // Ids that Proxmox makes itself are UUIDs, which may start with a digit.
    |text| (2..=50).contains(&text.len()) && word(text, "-_") && !text.starts_with(['-', '_'])
);
name!(
    /// The name of a high-availability rule.
    HaRuleName,
    "a rule name (a letter, then at least one letter, digit, \"-\" or \"_\")",
    config_id
);
name!(
    /// The name of a snapshot.
    SnapshotName,
    "a snapshot name (a letter, then at least one letter, digit, \"-\" or \"_\", at most 40, not \"current\")",
    |text| text.len() <= 40 && config_id(text) && text != "current"
);
name!(
    /// The name of a network interface of a node, such as `vmbr0`, `bond0` or `eno1.30`.
    InterfaceName,
    "an interface name (a letter, then at least one letter, digit or \"_\", and perhaps \".\" or \":\" and a number, at most 20)",
    |text| {
        let (base, number) = text.split_once(['.', ':']).unwrap_or((text, "0"));
        (2..=20).contains(&text.len())
            && base.len() >= 2
            && base.starts_with(|c: char| c.is_ascii_alphabetic())
            && word(base, "_")
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    }
);

/// A token: `user@realm!name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId {
    /// The user.
    pub user: UserId,
    /// The name among the tokens of the user.
    pub name: TokenName,
}

impl FromStr for TokenId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let parts = text
            .split_once('!')
            .and_then(|(user, name)| Some(Self { user: user.parse().ok()?, name: name.parse().ok()? }));
        parts.ok_or_else(|| invalid(text, "a token (user@realm!name)"))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}!{}", self.user, self.name)
    }
}

/// A service of the high-availability manager: `vm:100` or `ct:100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HaServiceId {
    /// Whether it is a container.
    pub container: bool,
    /// The guest.
    pub guest: VmId,
}

impl HaServiceId {
    /// A virtual machine.
    pub fn vm(guest: VmId) -> Self {
        Self { container: false, guest }
    }
}

impl FromStr for HaServiceId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || invalid(text, "a guest of the HA manager (vm:100 or ct:100)");
        let (container, number) = match text.split_once(':') {
            Some(("vm", number)) => (false, number),
            Some(("ct", number)) => (true, number),
            _ => return Err(wrong()),
        };
        Ok(Self { container, guest: number.parse().map_err(|_| wrong())? })
    }
}

impl fmt::Display for HaServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", if self.container { "ct" } else { "vm" }, self.guest)
    }
}

/// A replication job: the guest and a number, such as `100-0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicationId {
    /// The guest.
    pub guest: VmId,
    /// The number among the jobs of the guest.
    pub number: u32,
}

impl FromStr for ReplicationId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let parts = text.split_once('-').and_then(|(guest, number)| {
            let digits =
                !number.is_empty() && number.len() <= 9 && number.bytes().all(|b| b.is_ascii_digit());
            Some(Self { guest: guest.parse().ok()?, number: digits.then(|| number.parse().ok())?? })
        });
        parts.ok_or_else(|| invalid(text, "a replication job (VM id and number, such as 100-0)"))
    }
}

impl fmt::Display for ReplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.guest, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_proxmox_refuses() {
        fn ok<T: FromStr>(good: &[&str], bad: &[&str]) {
            good.iter().for_each(|text| assert!(text.parse::<T>().is_ok(), "{text}"));
            bad.iter().for_each(|text| assert!(text.parse::<T>().is_err(), "{text}"));
        }
        ok::<UserId>(
            &["root@pam", "a.b@example.com@ldap", "min@pve"],
            &["tf2", "@pve", "a b@pve", "a@1", "a/b@pve", "t@pve!x"],
        );
        ok::<TokenName>(&["tok1", "t1"], &["1bad", "t", ""]);
        ok::<TokenId>(&["tf@pve!tok1"], &["tf@pve", "tf!tok1"]);
        ok::<InterfaceName>(
            &["vmbr0", "eno1.30", "br7", "bond0"],
            &["v", "1x", "a.b", "vmbr0.", "averyveryverylongname1"],
        );
        ok::<SnapshotName>(&["snap1"], &["current", "1s", "bad name", "s"]);
        ok::<HaServiceId>(&["vm:100", "ct:101"], &["100", "vm:99", "x:100"]);
        ok::<ReplicationId>(&["100-0", "100-123"], &["100", "100-", "99-0", "100-x"]);
        ok::<JobId>(&["tf-job", "216e5786-0788-4434-9284-becd69543829"], &["", "a b", "n", "-x"]);
    }

    #[test]
    fn ids_print_as_they_were_read() {
        assert_eq!("tf@pve!tok1".parse::<TokenId>().unwrap().to_string(), "tf@pve!tok1");
        assert_eq!("ct:101".parse::<HaServiceId>().unwrap().to_string(), "ct:101");
        assert_eq!("100-7".parse::<ReplicationId>().unwrap().to_string(), "100-7");
    }
}
