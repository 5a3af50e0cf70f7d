//! Compares an answer with the recorded one: status, reason, shape and values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::facts::Exchange;
use crate::wire::Answer;

/// Members whose values a server makes up, or its machine and its clock decide; their types still count.
const VOLATILE: [&str; 73] = [
    "CSRFPreventionToken",
    "avail",
    "balloon_min",
    "ballooninfo",
    "blockstat",
    "boot-info",
    "cpu",
    "cpuinfo",
    "ctime",
    "current-kernel",
    "digest",
    "disk",
    "diskread",
    "diskwrite",
    "endtime",
    "expire",
    "fingerprint",
    "free",
    "idle",
    "iothread",
    "ksm",
    "kversion",
    "level",
    "lid",
    "loadavg",
    "localtime",
    "maxdisk",
    "maxmem",
    "mem",
    "memhost",
    "memory",
    "meta",
    "n",
    "netin",
    "netout",
    "next-run",
    "nics",
    "notafter",
    "notbefore",
    "pem",
    "pid",
    "pressurecpufull",
    "pressurecpusome",
    "pressureiofull",
    "pressureiosome",
    "pressurememoryfull",
    "pressurememorysome",
    "proxmox-support",
    "pstart",
    "pveversion",
    "repoid",
    "rootfs",
    "running-machine",
    "running-qemu",
    "saved",
    "size",
    "smbios1",
    "ssl_fingerprint",
    "starttime",
    "swap",
    "t",
    "ticket",
    "time",
    "timestamp",
    "total",
    "upid",
    "uptime",
    "used",
    "used_fraction",
    "utc",
    "value",
    "vmgenid",
    "wait",
];
/// What names an element of a list, the best first.
const NAMES: [&str; 17] = [
    "id", "upid", "vmid", "key", "poolid", "userid", "roleid", "volid", "storage", "realm", "name", "path",
    "iface", "rule", "sid", "node", "tokenid",
];

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is sound")
}

static UPID: LazyLock<Regex> = LazyLock::new(|| pattern(r"UPID:[^:\s]+(?::[^:]*){6,8}:"));
static UUID: LazyLock<Regex> = LazyLock::new(|| pattern(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"));
static SHA1: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[0-9a-f]{40}$"));
static MAC: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}"));
static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d{5,}\b|0x[0-9a-f]+|[0-9a-f]{32,}"));

/// One difference, with its place.
#[derive(Debug, Clone)]
pub struct Difference(String);

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Everything in which the answer differs from the recorded one.
pub fn differences(exchange: &Exchange, answer: &Answer, files: &str) -> Vec<Difference> {
    let mut found = Vec::new();
    if exchange.status != answer.status {
        found.push(Difference(format!("status {} expected, {} got", exchange.status, answer.status)));
    }
    let reason = exchange.reason.replace("<files>", files);
    if masked(&reason) != masked(&answer.reason) {
        found.push(Difference(format!("reason {reason:?} expected, {:?} got", answer.reason)));
    }
    let recorded = exchange.answer.to_string().replace("<files>", files);
    let recorded: Value = serde_json::from_str(&recorded).expect("a host and port leave JSON intact");
    let empty = Value::String(String::new());
    let recorded = if recorded.is_null() { &empty } else { &recorded };
    values(recorded, &answer.body, "", &mut found);
    found
}

fn masked(text: &str) -> String {
    let text = UPID.replace_all(text, "UPID");
    let text = MAC.replace_all(&text, "MAC");
    let text = UUID.replace_all(&text, "UUID");
    NUMBER.replace_all(&text, "#").trim_end_matches('\n').to_owned()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// What an element is called, so that the order of a list does not matter.
fn name(item: &Value) -> String {
    for key in NAMES.iter().chain(&["n"]) {
        match item.get(key) {
            Some(Value::String(text)) => return format!("{key} {}", masked(text)),
            Some(Value::Number(number)) => return format!("{key} {}", masked(&number.to_string())),
            _ => {}
        }
    }
    masked(&item.to_string())
}

fn values(old: &Value, new: &Value, path: &str, found: &mut Vec<Difference>) {
    let mut note = |text: String| found.push(Difference(format!("{path}: {text}")));
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for key in new.keys().filter(|key| !old.contains_key(*key)) {
                note(format!("`{key}` not expected"));
            }
            for (key, old) in old {
                let Some(new) = new.get(key) else {
                    found.push(Difference(format!("{path}.{key}: missing")));
                    continue;
                };
                let volatile = VOLATILE.contains(&key.as_str());
                if !volatile {
                    values(old, new, &format!("{path}.{key}"), found);
                } else if !old.is_object() && !old.is_array() && kind(old) != kind(new) {
                    let text = format!("{path}.{key}: {} expected, {} got", kind(old), kind(new));
                    found.push(Difference(text));
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            if old.len() != new.len() {
                note(format!("{} elements expected, {} got", old.len(), new.len()));
            }
            let named: BTreeMap<String, &Value> = new.iter().map(|item| (name(item), item)).collect();
            for item in old {
                match named.get(&name(item)) {
                    Some(other) => values(item, other, &format!("{path}[{}]", name(item)), found),
                    None => found.push(Difference(format!("{path}: no element {:.80}", name(item)))),
                }
            }
        }
        (Value::String(old), Value::String(new)) if parts(old) != parts(new) => {
            note(format!("{:?} expected, {:?} got", masked(old), masked(new)));
        }
        (Value::String(_), Value::String(_)) => {}
        (Value::Number(old), Value::Number(new)) if old.as_f64() != new.as_f64() => {
            note(format!("{old} expected, {new} got"));
        }
        (Value::Number(_), Value::Number(_)) => {}
        _ if kind(old) != kind(new) => note(format!("{} expected, {} got", kind(old), kind(new))),
        _ if old != new => note(format!("{old} expected, {new} got")),
        _ => {}
    }
}

/// The real server prints some lists in another order each time.
fn parts(text: &str) -> Vec<String> {
    let masked = masked(text);
    let mut parts: Vec<String> = masked.split([',', ';', ' ']).map(str::to_owned).collect();
    parts.sort();
    parts
}

/// Pairs of identifiers that two servers made up in the same place.
pub fn made_up(old: &Value, new: &Value) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    collect(old, new, &mut pairs);
    pairs
}

fn collect(old: &Value, new: &Value, pairs: &mut Vec<(String, String)>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, old) in old {
                if let Some(new) = new.get(key) {
                    collect(old, new, pairs);
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            let named: BTreeMap<String, &Value> = new.iter().map(|item| (name(item), item)).collect();
            for item in old {
                if let Some(other) = named.get(&name(item)) {
                    collect(item, other, pairs);
                }
            }
        }
        (Value::String(old), Value::String(new)) => {
            let whole = |pattern: &Regex, text: &str| {
                pattern.find(text).is_some_and(|found| found.len() == text.len())
            };
            let same_kind = [&*UPID, &*UUID, &*SHA1].iter().any(|kind| whole(kind, old) && whole(kind, new));
            if same_kind {
                pairs.push((old.clone(), new.clone()));
            }
            let macs = MAC.find_iter(old).zip(MAC.find_iter(new));
            pairs.extend(macs.map(|(old, new)| (old.as_str().to_owned(), new.as_str().to_owned())));
        }
        _ => {}
    }
}
