//! Task ids: `UPID:node:pid:pstart:starttime:type:id:user:`, numbers in hexadecimal.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of one task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Upid {
    /// Node it runs on.
    pub node: String,
    /// Process id.
    pub pid: u32,
    /// Start of the process, in clock ticks since boot.
    pub pstart: u64,
    /// Start, in seconds since 1970.
    pub starttime: i64,
    /// Worker type, such as `qmstart`.
    pub kind: String,
    /// What it is about; may be empty.
    pub id: String,
    /// `user@realm` or `user@realm!token`.
    pub user: String,
}

impl fmt::Display for Upid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, pid, pstart, starttime, kind, id, user } = self;
        write!(formatter, "UPID:{node}:{pid:08X}:{pstart:08X}:{starttime:08X}:{kind}:{}:{user}:", encoded(id))
    }
}

/// Upstream escapes what would break the id apart.
fn encoded(id: &str) -> String {
    id.replace('%', "%25").replace(':', "%3A").replace('/', "%2F")
}

impl From<Upid> for String {
    fn from(upid: Upid) -> Self {
        upid.to_string()
    }
}

impl TryFrom<String> for Upid {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Upid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "unable to parse worker upid".to_owned();
        let parts: Vec<&str> = text.split(':').collect();
        let [mark, node, pid, pstart, starttime, kind, id, user, ""] = parts[..] else { return Err(wrong()) };
        if mark != "UPID" || node.is_empty() || kind.is_empty() || user.is_empty() || pid.len() != 8 {
            return Err(wrong());
        }
        Ok(Self {
            node: node.to_owned(),
            pid: u32::from_str_radix(pid, 16).map_err(|_| wrong())?,
            pstart: u64::from_str_radix(pstart, 16).map_err(|_| wrong())?,
            starttime: i64::from_str_radix(starttime, 16).map_err(|_| wrong())?,
            kind: kind.to_owned(),
            id: percent_encoding::percent_decode_str(id).decode_utf8_lossy().into_owned(),
            user: user.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_ids_are_read_and_written_back_unchanged() {
        for text in [
            "UPID:pve1:00000776:0008CC0B:6B03BBC4:qmcreate:151:tf@pve!tok2:",
            "UPID:pve1:00000233:0008A670:6B03BB64:download:dl5.iso:root@pam:",
            "UPID:pve1:00000399:0009BD84:6B03BE2E:reloadnetworkall::root@pam:",
            "UPID:pve1:00000318:000AE6BD:6B03C127:qmmove:901-scsi0>903-scsi1:root@pam:",
        ] {
            assert_eq!(text.parse::<Upid>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["garbage", "UPID:pve1:1:2:3:a:b:c:", "UPID:pve1:00000776:0008CC0B:6B03BBC4:qmcreate:151:"]
        {
            assert_eq!(text.parse::<Upid>().unwrap_err(), "unable to parse worker upid");
        }
    }
}
