//! Planted faults: which request meets which misfortune.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Executed, then the connection is cut without an answer.
    ReplyLost,
    /// The connection is cut before anything is executed.
    Cut,
    /// Not executed; answered with `status` and `message`.
    Status,
    /// Executed, but answered 596 `Connection timed out` after `milliseconds`.
    ProxyTimeout,
    /// Answered only after `milliseconds`.
    Delay,
    /// The task that the call starts takes `milliseconds` longer.
    TaskSlow,
    /// The task that the call starts never ends by itself.
    TaskEndless,
    /// The task that the call starts fails with `message`, its work undone.
    TaskFails,
    /// The lock file `lock` stays held: answered as after the real wait.
    LockHeld,
    /// 403 for the privilege in `message`, such as `/vms/100, VM.Audit`.
    PermissionMissing,
    /// From this call on `node` is offline.
    NodeOffline,
    /// From this call on `node` is online again.
    NodeOnline,
    /// The config of guest `vmid` is changed by somebody else just before the call.
    EditBefore,
    /// The config of guest `vmid` is changed by somebody else just after the call.
    EditAfter,
    /// New connections are served with a certificate that no authority of the client signed.
    WrongCertificate,
}

/// One planted fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// Only this verb.
    #[serde(default)]
    pub method: Option<String>,
    /// Only paths like this, without `/api2/json`; `*` stands for one segment, `**` for any number.
    #[serde(default)]
    pub path: Option<String>,
    /// Passes over this many matching calls first.
    #[serde(default)]
    pub after: u32,
    /// Strikes this often; 0 is for ever.
    #[serde(default = "once")]
    pub times: u32,
    /// Status of `status`; 500 if not given.
    #[serde(default)]
    pub status: Option<u16>,
    /// Text of the kinds that have one.
    #[serde(default)]
    pub message: Option<String>,
    /// Duration of the kinds that have one.
    #[serde(default)]
    pub milliseconds: Option<u64>,
    /// Absolute path of a lock file.
    #[serde(default)]
    pub lock: Option<String>,
    /// A node's name.
    #[serde(default)]
    pub node: Option<String>,
    /// A guest.
    #[serde(default)]
    pub vmid: Option<u32>,
    /// Config options that an edit sets.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Config options that an edit removes.
    #[serde(default)]
    pub delete: Vec<String>,
    /// How often it has struck.
    #[serde(default)]
    pub struck: u32,
}

fn once() -> u32 {
    1
}

/// All planted faults.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// In the order in which they were planted.
    pub faults: Vec<Fault>,
}

impl Faults {
    /// The faults that this call meets; counts them.
    pub fn strike(&mut self, method: &str, path: &str) -> Vec<Fault> {
        let mut struck = Vec::new();
        for fault in self.faults.iter_mut().filter(|fault| fault.kind != Kind::WrongCertificate) {
            if fault.meets(method, path) && fault.is_due() {
                struck.push(fault.clone());
            }
        }
        struck
    }

    /// Whether the next connection is served with the wrong certificate; counts it.
    pub fn wrong_certificate(&mut self) -> bool {
        self.faults
            .iter_mut()
            .filter(|fault| fault.kind == Kind::WrongCertificate)
            .any(|fault| fault.is_due())
    }
}

impl Fault {
    fn meets(&self, method: &str, path: &str) -> bool {
        let verb = self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
        verb && self.path.as_deref().is_none_or(|pattern| is_like(pattern, path))
    }

    fn is_due(&mut self) -> bool {
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        if self.times != 0 && self.struck >= self.times {
            return false;
        }
        self.struck += 1;
        true
    }
}

fn is_like(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts_are_like(&pattern, &path)
}

fn parts_are_like(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=path.len()).any(|skipped| parts_are_like(rest, &path[skipped..])),
        (Some((wanted, rest)), Some((found, others))) => {
            (*wanted == "*" || wanted == found) && parts_are_like(rest, others)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(text: &str) -> Faults {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_nth_matching_call_is_struck_and_no_other() {
        let mut faults = planted(
            r#"{"faults":[{"kind":"reply_lost","method":"POST","path":"/nodes/*/qemu/*/clone","after":1}]}"#,
        );
        let mut strike = |method: &str, path: &str| faults.strike(method, path).len();
        assert_eq!(strike("POST", "/nodes/pve1/qemu/100/clone"), 0);
        assert_eq!(strike("GET", "/nodes/pve1/qemu/100/clone"), 0);
        assert_eq!(strike("POST", "/nodes/pve1/qemu/100/config"), 0);
        assert_eq!(strike("POST", "/nodes/pve2/qemu/101/clone"), 1);
        assert_eq!(strike("POST", "/nodes/pve2/qemu/101/clone"), 0);
    }

    #[test]
    fn two_stars_stand_for_any_number_of_segments() {
        assert!(is_like("/nodes/**", "/nodes/pve1/qemu/100"));
        assert!(is_like("**/status", "/nodes/pve1/tasks/x/status"));
        assert!(!is_like("/nodes/*", "/nodes/pve1/qemu"));
    }

    #[test]
    fn a_misspelt_fault_is_refused() {
        assert!(serde_json::from_str::<Faults>(r#"{"faults":[{"kind":"cut","methd":"GET"}]}"#).is_err());
    }
}
