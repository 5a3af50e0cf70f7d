//! Processors of a machine.

use pve_client::{PendingChange, PropertyString, VmConfig, VmPending};
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{Writes, leading, option, parsed, property, truth};

/// Name under which the type may stand in its property string.
const TYPE: Option<&str> = Some("cputype");

/// The type of a machine that says none.
pub(super) const DEFAULT_TYPE: &str = "kvm64";

/// Wire keys.
const KEYS: [&str; 8] = ["cores", "sockets", "vcpus", "cpu", "numa", "cpulimit", "cpuunits", "affinity"];

/// Flags that Proxmox VE lets a machine set (qemu-server 9.2, `CPUFlags.pm`).
const FLAGS: [&str; 13] = [
    "aes",
    "amd-no-ssb",
    "amd-ssbd",
    "hv-evmcs",
    "hv-tlbflush",
    "ibpb",
    "md-clear",
    "nested-virt",
    "pcid",
    "pdpe1gb",
    "spec-ctrl",
    "ssbd",
    "virt-ssbd",
];

/// Processors of a machine.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Cpu {
    /// Cores of each socket, at least 1. Proxmox VE's default is 1.
    #[schema(wire = "cores", validate = range(1, 8192))]
    pub cores: Option<u32>,

    /// How many of the cores are plugged in, at least 1. By default all. With `hotplug` of `cpu`, more can be plugged into
    /// a machine that runs.
    #[schema(wire = "vcpus", validate = range(1, 8192))]
    pub plugged_cores: Option<u32>,

    /// Sockets, at least 1. Proxmox VE's default is 1.
    #[schema(wire = "sockets", validate = range(1, 64))]
    pub sockets: Option<u32>,

    /// Model that the guest sees, for example `x86-64-v2-AES` or `host`. By default a clone has that of its
    /// template, any other `kvm64`.
    #[schema(wire = "cpu", validate = matches("the name of a CPU model", word))]
    pub r#type: Defaulted<String>,

    /// Flags that the guest sees beyond or without those of the model: `+aes` adds one, `-pcid` takes one away. There are
    /// `aes`, `amd-no-ssb`, `amd-ssbd`, `hv-evmcs`, `hv-tlbflush`, `ibpb`, `md-clear`, `nested-virt`, `pcid`, `pdpe1gb`,
    /// `spec-ctrl`, `ssbd` and `virt-ssbd`; not every version of Proxmox VE knows all.
    #[schema(wire = "flags", validate = each(matches("a flag that Proxmox VE lets machines set, after a `+` or `-`", flag)))]
    pub flags: Option<BTreeSet<String>>,

    /// Whether the sockets are NUMA nodes, each with its own memory. Proxmox VE's default is `false`. Plugging in memory
    /// and `hugepages` need it.
    #[schema(wire = "numa")]
    pub numa: Option<bool>,

    /// Most processor time that the machine gets, in whole processors: `1.5` is one and a half. From 0 to 128; 0 is
    /// no limit, and Proxmox VE's default.
    #[schema(wire = "cpulimit", validate = range(0, 128))]
    pub limit: Option<f64>,

    /// Share of processor time in relation to other machines, from 1 to 262144. Proxmox VE's default is 100.
    #[schema(wire = "cpuunits", validate = range(1, 262_144))]
    pub units: Option<u32>,

    /// Processors of the node on which the machine runs, as numbers and ranges: `0-3,8`. By default all. Only `root@pam`
    /// with its password may set it.
    #[schema(wire = "affinity", validate = matches("numbers and ranges such as `0-3,8`", processors))]
    pub affinity: Option<String>,
}

fn processors(text: &str) -> bool {
    let number =
        |text: &str| text.parse::<u16>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let range = |part: &str| match part.split_once('-') {
        Some((first, last)) => {
            matches!((number(first), number(last)), (Some(first), Some(last)) if first <= last)
        }
        None => number(part).is_some(),
    };
    text.split(',').all(range)
}

fn word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn flag(text: &str) -> bool {
    text.strip_prefix(['+', '-']).is_some_and(|name| FLAGS.contains(&name))
}

fn split(flags: &str) -> BTreeSet<String> {
    flags.split(';').filter(|flag| !flag.is_empty()).map(str::to_owned).collect()
}

/// What a configuration says.
pub(super) fn read(named: Named<'_, Cpu>, config: &VmConfig) -> Option<Cpu> {
    let found = property(config, "cpu", TYPE);
    let is_there = KEYS.iter().any(|key| config.value(key).is_some());
    named.filled(is_there, |cpu| Cpu {
        cores: cpu.of(|c| &c.cores).or(parsed(config, "cores"), 1_u32),
        sockets: cpu.of(|c| &c.sockets).or(parsed(config, "sockets"), 1_u32),
        plugged_cores: cpu.of(|c| &c.plugged_cores).found(parsed(config, "vcpus")),
        r#type: found.default.clone().unwrap_or_else(|| DEFAULT_TYPE.to_owned()).into(),
        flags: cpu.of(|c| &c.flags).or(found.value("flags").map(split), []),
        numa: cpu.of(|c| &c.numa).or(truth(config, "numa"), false),
        limit: cpu.of(|c| &c.limit).or(parsed(config, "cpulimit"), 0.0),
        units: cpu.of(|c| &c.units).or(parsed(config, "cpuunits"), 100_u32),
        affinity: cpu.of(|c| &c.affinity).found(parsed(config, "affinity")),
    })
}

/// Whether it says anything but the type.
fn says_more(cpu: &Cpu) -> bool {
    let none = cpu.flags.clone().filter(BTreeSet::is_empty);
    *cpu != Cpu { r#type: cpu.r#type.clone(), flags: none, ..Cpu::default() }
}

/// Writes what changes. A default type is written where nothing else would tell an import of the block.
pub(super) fn write(cpu: Pair<'_, Cpu>, out: &mut Writes<'_>) {
    let is_told = cpu.prior.is_some() && cpu.want.is_some_and(says_more);
    out.text("cores", cpu.wish(|c| &c.cores));
    out.text("sockets", cpu.wish(|c| &c.sockets));
    out.number("cpulimit", cpu.wish(|c| &c.limit));
    out.text("cpuunits", cpu.wish(|c| &c.units));
    out.text("vcpus", cpu.wish(|c| &c.plugged_cores));
    out.text("affinity", cpu.wish(|c| &c.affinity));
    out.flag("numa", cpu.flag(|c| &c.numa));
    out.property("cpu", TYPE, |property| {
        match cpu.wish(|c| &c.flags) {
            Edit::Set(wanted) if property.value("flags").map(split).unwrap_or_default() == *wanted => {}
            Edit::Set(wanted) if wanted.is_empty() => property.set("flags", None::<&str>),
            wish => {
                option(property, "flags", wish.map(|flags| Vec::from_iter(flags.iter().cloned()).join(";")))
            }
        }
        leading(property, cpu.filled(|c| &c.r#type), DEFAULT_TYPE, is_told);
    });
}

/// What waits for a start of a machine. A type that is written where the default was meant changes nothing for the guest,
/// and nobody need restart it for that.
pub(super) fn waiting(pending: &VmPending) -> BTreeSet<String> {
    let meant = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or(DEFAULT_TYPE);
        let mut meant = PropertyString::parse(text, TYPE).unwrap_or_default();
        meant.default.get_or_insert_with(|| DEFAULT_TYPE.to_owned());
        meant
    };
    let is_same =
        |option: &PendingChange| option.key == "cpu" && meant(&option.pending) == meant(&option.value);
    let waits = pending.options.iter().filter(|option| option.waits() && !is_same(option));
    waits.map(|option| option.key.clone()).collect()
}

/// Whether two types are the same to the guest: a machine that says none has the default.
pub(super) fn same_type(old: &Value, new: &Value) -> bool {
    let meant = |value: &'_ Value| value.as_str().unwrap_or(DEFAULT_TYPE).to_owned();
    !new.is_unknown() && meant(old) == meant(new)
}

/// A flag is there or not, and no more cores are plugged in than there are.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    let number = |path: &str, default: i64| match config.at(&path.into()) {
        Value::Null => Some(default),
        value => value.as_number().and_then(Number::to_i64),
    };
    if let (Some(cores), Some(sockets), Some(plugged)) =
        (number("cpu.cores", 1), number("cpu.sockets", 1), number("cpu.plugged_cores", 0))
        && plugged > cores.saturating_mul(sockets)
        && config.attribute("clone").is_null()
    {
        let all = cores.saturating_mul(sockets);
        out.error(
            "cpu.plugged_cores",
            "Too many cores",
            format!(
                "{plugged} cores cannot be plugged in: {sockets} sockets of {cores} cores are {all}. Set `cores` or `sockets` \
                 higher, or this to {all} or less."
            ),
        );
    }
    let flags = config.at(&"cpu.flags".into()).as_elements().into_iter().flatten().filter_map(Value::as_str);
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for name in flags.map(|flag| flag.trim_start_matches(['+', '-'])) {
        if !seen.insert(name) {
            out.error(
                "cpu.flags",
                "Conflicting arguments",
                format!("The flag {name:?} is both added and taken away. Remove one of the two."),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_that_is_written_down_waits_for_nothing() {
        let change = |key: &str, value: Option<&str>, pending: Option<&str>| PendingChange {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            pending: pending.map(str::to_owned),
            delete: pending.is_none(),
        };
        let waits = |value, pending| {
            let options = vec![change("cpu", value, pending)];
            !waiting(&VmPending { options, digest: None }).is_empty()
        };
        assert!(!waits(None, Some("kvm64")));
        assert!(!waits(Some("cputype=kvm64"), None));
        assert!(waits(None, Some("host")));
        assert!(waits(Some("kvm64,flags=+aes"), None));
        assert!(waits(Some("host"), Some("kvm64")));
        let options = vec![change("cores", Some("1"), Some("2"))];
        assert_eq!(waiting(&VmPending { options, digest: None }), BTreeSet::from(["cores".to_owned()]));
    }

    #[test]
    fn an_affinity_is_numbers_and_ranges() {
        for (text, right) in [
            ("0", true),
            ("0-3,8", true),
            ("0-3,8-11", true),
            ("3-0", false),
            ("", false),
            ("1,", false),
            ("+1", false),
            ("a", false),
            ("0:2", false),
        ] {
            assert_eq!(processors(text), right, "{text:?}");
        }
    }
}
