//! What each type of storage can hold and be told (pve-storage 9.1.7, `plugindata` and `options` of its plugins).

use tf_framework::prelude::*;

/// One type.
struct Kind {
    name: &'static str,
    /// What it can hold. Proxmox VE drops anything else without a word.
    content: &'static [&'static str],
    /// Whether it knows limits of bandwidth.
    limits_bandwidth: bool,
}

const FILES: &[&str] = &["images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none"];
const SHARES: &[&str] = &["images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import"];
const DISKS: &[&str] = &["images", "rootdir"];

const fn kind(name: &'static str, content: &'static [&'static str], limits_bandwidth: bool) -> Kind {
    Kind { name, content, limits_bandwidth }
}

const KINDS: [Kind; 11] = [
    kind("dir", FILES, true),
    kind("zfspool", DISKS, true),
    kind("nfs", SHARES, true),
    kind("cifs", SHARES, true),
    kind("lvm", DISKS, true),
    kind("lvmthin", DISKS, true),
    kind("btrfs", FILES, false),
    kind("pbs", &["backup", "none"], false),
    kind("iscsi", &["images", "none"], true),
    kind("cephfs", &["vztmpl", "iso", "backup", "snippets", "import"], true),
    kind("rbd", DISKS, true),
];

/// Refuses what the type that is set does not know.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    let Some(kind) = KINDS.iter().find(|kind| config.attribute(kind.name).is_set()) else { return };
    let wanted = config.attribute("content").as_elements().unwrap_or_default();
    let wanted: Vec<&str> = wanted.iter().filter_map(Value::as_str).collect();
    if let Some(wrong) = wanted.iter().find(|wanted| !kind.content.contains(wanted)) {
        out.error(
            "content",
            "Content is not supported",
            format!(
                "A storage of the type {:?} cannot hold {wrong:?}. It can hold {}.",
                kind.name,
                quoted(kind.content)
            ),
        );
    } else if wanted.contains(&"none") && wanted.len() > 1 {
        out.error("content", "Conflicting arguments", "With `none` nothing else may be in `content`.");
    }
    let keeps_backups = kind.content.contains(&"backup");
    for (argument, knows) in [
        ("bandwidth_limits", kind.limits_bandwidth),
        ("prune_backups", keeps_backups),
        ("max_protected_backups", keeps_backups),
    ] {
        if !knows && config.attribute(argument).is_set() {
            out.error(
                argument,
                "Argument is not supported",
                format!("A storage of the type {:?} has no `{argument}`. Remove it.", kind.name),
            );
        }
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: &str, arguments: &[(&str, Value)]) -> Vec<String> {
        let object = (kind, Value::object([("x", Value::from("y"))]));
        let config = Value::object(arguments.iter().cloned().chain([object]));
        let mut out = Diagnostics::new();
        validate(&config, &mut out);
        out.0.into_iter().map(|found| found.detail).collect()
    }

    #[test]
    fn what_a_type_does_not_know_is_refused() {
        let content =
            |words: &[&str]| ("content", Value::Set(words.iter().map(|word| Value::from(*word)).collect()));
        let said_of = |kind: &str, words: &[&str]| said(kind, &[content(words)]);
        assert!(said_of("dir", &["iso", "images"]).is_empty() && said_of("pbs", &["none"]).is_empty());
        let wrong = said_of("pbs", &["backup", "iso"]);
        assert_eq!(
            wrong,
            ["A storage of the type \"pbs\" cannot hold \"iso\". It can hold \"backup\", \"none\"."]
        );
        assert_eq!(said_of("dir", &["iso", "none"]).len(), 1);
        for (kind, argument, wrong) in [
            ("dir", "bandwidth_limits", 0),
            ("pbs", "bandwidth_limits", 1),
            ("btrfs", "bandwidth_limits", 1),
            ("pbs", "prune_backups", 0),
            ("lvm", "prune_backups", 1),
            ("rbd", "max_protected_backups", 1),
        ] {
            assert_eq!(said(kind, &[(argument, Value::from(1))]).len(), wrong, "{kind} {argument}");
        }
    }
}
