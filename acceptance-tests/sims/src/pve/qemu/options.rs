//! What is known about each option of a VM configuration: its type, whether it exists, what it takes to change it.

use serde_json::Value;

use super::drive;

/// Options that are read back as numbers. Every other value is text, even `memory` and `cpulimit`.
const NUMBERS: [&str; 24] = [
    "acpi",
    "allow-ksm",
    "autostart",
    "balloon",
    "ciupgrade",
    "cores",
    "cpuunits",
    "freeze",
    "keephugepages",
    "kvm",
    "localtime",
    "migrate_speed",
    "numa",
    "onboot",
    "protection",
    "reboot",
    "shares",
    "smp",
    "snaptime",
    "sockets",
    "tablet",
    "tdf",
    "template",
    "vcpus",
];

/// Further options without a number in their name.
const TEXTS: [&str; 47] = [
    "affinity",
    "agent",
    "amd-sev",
    "arch",
    "args",
    "audio0",
    "bios",
    "boot",
    "bootdisk",
    "cicustom",
    "cipassword",
    "citype",
    "ciuser",
    "cpu",
    "cpulimit",
    "description",
    "efidisk0",
    "hookscript",
    "hotplug",
    "hugepages",
    "intel-tdx",
    "ivshmem",
    "keyboard",
    "lock",
    "machine",
    "memory",
    "migrate_downtime",
    "name",
    "nameserver",
    "ostype",
    "parent",
    "rng0",
    "runningcpu",
    "runningmachine",
    "scsihw",
    "searchdomain",
    "smbios1",
    "spice_enhancements",
    "sshkeys",
    "startdate",
    "startup",
    "tags",
    "tpmstate0",
    "vga",
    "vmgenid",
    "vmstatestorage",
    "watchdog",
];

/// Families of numbered options, with how many there are of each.
const FAMILIES: [(&str, u32); 9] = [
    ("hostpci", 16),
    ("ipconfig", 32),
    ("net", 32),
    ("numa", 8),
    ("parallel", 3),
    ("serial", 4),
    ("unused", drive::MAX_UNUSED),
    ("usb", 14),
    ("virtiofs", 10),
];

/// Options that a running VM takes over at once, whatever `hotplug` says.
const IMMEDIATE: [&str; 12] = [
    "allow-ksm",
    "description",
    "hookscript",
    "lock",
    "migrate_downtime",
    "migrate_speed",
    "name",
    "onboot",
    "protection",
    "shares",
    "startup",
    "tags",
];

/// Options of the cloud-init drive, as `GET …/cloudinit` lists them.
pub const CLOUDINIT: [&str; 8] =
    ["cicustom", "cipassword", "citype", "ciupgrade", "ciuser", "nameserver", "searchdomain", "sshkeys"];

/// Whether `key` is an option of a VM configuration.
pub fn exists(key: &str) -> bool {
    NUMBERS.contains(&key)
        || TEXTS.contains(&key)
        || drive::is_drive_key(key)
        || FAMILIES.iter().any(|(family, count)| drive::is_indexed(key, family, *count))
}

/// Whether a running VM takes the option over at once.
pub fn is_immediate(key: &str) -> bool {
    IMMEDIATE.contains(&key) || key == "vmstatestorage" || is_cloudinit(key)
}

/// Whether the option goes into the cloud-init drive.
pub fn is_cloudinit(key: &str) -> bool {
    CLOUDINIT.contains(&key) || drive::is_indexed(key, "ipconfig", 32)
}

/// The value as it is read back: numbers where the option is one, text otherwise.
pub fn to_json(key: &str, value: &str) -> Value {
    if NUMBERS.contains(&key)
        && let Ok(number) = value.parse::<i64>()
    {
        return Value::from(number);
    }
    Value::from(value)
}

/// Reads a boolean in any of the spellings that property strings allow.
pub fn parse_boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// Value of a key in a property string. `default` is the name of the key that may be left out.
pub fn property<'a>(text: &'a str, key: &str, default: &str) -> Option<&'a str> {
    text.split(',').find_map(|part| match part.split_once('=') {
        Some((name, value)) => (name.trim() == key).then_some(value),
        None => (key == default && !part.is_empty()).then_some(part),
    })
}

/// Tags as they are stored: lower case, sorted, each once, joined with `;`. Without any tag, one blank.
pub fn normal_tags(text: &str) -> String {
    let mut tags: Vec<String> =
        text.split([',', ';', ' ']).filter(|tag| !tag.is_empty()).map(str::to_lowercase).collect();
    tags.sort();
    tags.dedup();
    if tags.is_empty() { " ".to_owned() } else { tags.join(";") }
}

/// Memory in MiB of a `memory` option.
pub fn memory_mib(memory: Option<&str>) -> u64 {
    memory
        .and_then(|text| property(text, "current", "current"))
        .and_then(|text| text.parse().ok())
        .unwrap_or(512)
}

/// Whether the guest agent is switched on by an `agent` option.
pub fn agent_enabled(agent: Option<&str>) -> bool {
    agent.and_then(|text| property(text, "enabled", "enabled")).and_then(parse_boolean).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_lower_cased_sorted_and_unique() {
        for (sent, stored) in [
            ("tf;Prod,web", "prod;tf;web"),
            ("Zeta;alpha,beta alpha", "alpha;beta;zeta"),
            ("a;b", "a;b"),
            ("", " "),
        ] {
            assert_eq!(normal_tags(sent), stored);
        }
    }

    #[test]
    fn only_counts_and_switches_are_read_back_as_numbers() {
        assert_eq!(to_json("cores", "4"), Value::from(4));
        assert_eq!(to_json("onboot", "0"), Value::from(0));
        assert_eq!(to_json("memory", "512"), Value::from("512"));
        assert_eq!(to_json("cpulimit", "1.5"), Value::from("1.5"));
        assert_eq!(to_json("name", "100"), Value::from("100"));
    }

    #[test]
    fn families_end_at_their_last_number() {
        for key in ["net31", "ipconfig31", "unused255", "usb13", "hostpci15", "serial3", "parallel2", "numa7"]
        {
            assert!(exists(key), "{key}");
        }
        for key in ["net32", "serial4", "bogus", "digest", "delete", "cdrom"] {
            assert!(!exists(key), "{key}");
        }
    }

    #[test]
    fn property_strings_are_read_with_and_without_their_first_key() {
        assert_eq!(memory_mib(Some("current=1024")), 1024);
        assert_eq!(memory_mib(Some("768")), 768);
        assert_eq!(memory_mib(None), 512);
        assert!(agent_enabled(Some("1,fstrim_cloned_disks=1")) && agent_enabled(Some("enabled=1")));
        assert!(!agent_enabled(Some("enabled=0,type=isa")) && !agent_enabled(None));
    }
}
