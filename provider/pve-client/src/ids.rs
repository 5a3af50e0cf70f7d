//! The names and numbers of Proxmox objects, checked when they are made.

use std::{fmt, str::FromStr};

/// A text is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not {what}")]
pub struct InvalidId {
    /// The text.
    pub text: String,
    /// What it should have been, with its article.
    pub what: &'static str,
}

pub(crate) fn invalid(text: &str, what: &'static str) -> InvalidId {
    InvalidId { text: text.to_owned(), what }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(invalid(text, $what)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use name;

pub(crate) fn word(text: &str, extra: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

name!(
    /// The name of a node.
    NodeName,
    "a node name (letters, digits and dashes)",
    |text| word(text, "-") && !text.starts_with('-') && !text.ends_with('-')
);
name!(
    /// The name of a pool; `a/b` is inside `a`.
    PoolName,
    "a pool name (letters, digits, \".\", \"-\" and \"_\", at most three parts separated by \"/\")",
    |text| text.split('/').count() <= 3 && text.split('/').all(|part| word(part, ".-_"))
);
name!(
    /// The name of a storage.
    StorageName,
    "a storage name (a letter, then at least one letter, digit, \".\", \"-\" or \"_\", ending in a letter or digit)",
    |text| text.len() >= 2
        && word(text, ".-_")
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
);

/// The number of a guest, 100 to 999999999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VmId(u32);

impl VmId {
    /// Checks the range.
    pub fn new(number: u32) -> Result<Self, InvalidId> {
        if (100..=999_999_999).contains(&number) {
            Ok(Self(number))
        } else {
            Err(invalid(&number.to_string(), "a VM id (100 to 999999999)"))
        }
    }

    /// The number.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl FromStr for VmId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || invalid(text, "a VM id (100 to 999999999)");
        if text.starts_with(['+', '0']) {
            return Err(wrong());
        }
        Self::new(text.parse().map_err(|_| wrong())?).map_err(|_| wrong())
    }
}

impl TryFrom<i64> for VmId {
    type Error = InvalidId;

    fn try_from(number: i64) -> Result<Self, InvalidId> {
        number.to_string().parse()
    }
}

impl fmt::Display for VmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A guest and the node it was last seen on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VmAddress {
    /// The node.
    pub node: NodeName,
    /// The guest.
    pub id: VmId,
}

impl VmAddress {
    /// Names a guest on a node.
    pub fn new(node: NodeName, id: VmId) -> Self {
        Self { node, id }
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/nodes/{}/qemu/{}{rest}", self.node, self.id)
    }
}

impl fmt::Display for VmAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.id)
    }
}

/// The id of a task. Everything after the node is kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Upid(std::sync::Arc<UpidParts>);

// Shared, so that the errors that carry a task stay small.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct UpidParts {
    text: String,
    node: NodeName,
    kind: String,
    object: String,
    user: String,
}

impl Upid {
    /// The node that runs the task.
    pub fn node(&self) -> &NodeName {
        &self.0.node
    }

    /// The type of the task, such as `qmstart`.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// What the task works on; may be empty.
    pub fn object(&self) -> &str {
        &self.0.object
    }

    /// The user, or `user@realm!token`.
    pub fn user(&self) -> &str {
        &self.0.user
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl FromStr for Upid {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || invalid(text, "a task id");
        let parts: Vec<&str> = text.split(':').collect();
        let ["UPID", node, pid, pstart, start, kind, object, user, ""] = parts[..] else {
            return Err(wrong());
        };
        let hex = |s: &str, least: usize| s.len() >= least && s.bytes().all(|b| b.is_ascii_hexdigit());
        if !(hex(pid, 8) && hex(pstart, 8) && hex(start, 8)) || kind.is_empty() || user.is_empty() {
            return Err(wrong());
        }
        let node = node.parse().map_err(|_| wrong())?;
        Ok(Self(std::sync::Arc::new(UpidParts {
            text: text.into(),
            node,
            kind: kind.into(),
            object: object.into(),
            user: user.into(),
        })))
    }
}

impl fmt::Display for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_proxmox_refuses() {
        assert!("100".parse::<VmId>().is_ok());
        for bad in ["99", "1000000000", "0100", "+100", "", "x"] {
            assert!(bad.parse::<VmId>().is_err(), "{bad}");
        }
        assert!("pve1".parse::<NodeName>().is_ok());
        assert!("pve/1".parse::<NodeName>().is_err());
        assert!("a/b".parse::<PoolName>().is_ok());
        assert!("a//b".parse::<PoolName>().is_err());
        assert!("local-lvm".parse::<StorageName>().is_ok());
        assert!("../x".parse::<StorageName>().is_err());
    }

    #[test]
    fn a_task_id_keeps_odd_users_and_objects() {
        let text = "UPID:pve1:0000022A:0008A653:6B03BB63:download:dl4.iso:pu@pve!tk:";
        let upid: Upid = text.parse().unwrap();
        assert_eq!((upid.kind(), upid.object(), upid.user()), ("download", "dl4.iso", "pu@pve!tk"));
        assert_eq!(upid.to_string(), text);
        assert!("UPID:pve1:0000022A:0008A653:6B03BB63:imgcopy::root@pam:".parse::<Upid>().is_ok());
        assert!("UPID:pve1:22A:0008A653:6B03BB63:imgcopy::root@pam:".parse::<Upid>().is_err());
    }
}
