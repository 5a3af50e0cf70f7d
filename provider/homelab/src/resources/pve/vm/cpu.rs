//! Processors of a machine.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{Writes, parsed, property};

/// Name under which the type may stand in its property string.
const TYPE: Option<&str> = Some("cputype");

/// Processors of a machine.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Cpu {
    /// Cores of each socket, at least 1. Proxmox VE's default is 1.
    #[schema(wire = "cores", validate = range(1, 8192))]
    pub cores: Option<u32>,

    /// Sockets, at least 1. Proxmox VE's default is 1.
    #[schema(wire = "sockets", validate = range(1, 64))]
    pub sockets: Option<u32>,

    /// Model that the guest sees, for example `x86-64-v2-AES` or `host`. Proxmox VE's default is `kvm64`; flags that
    /// were set elsewhere are kept.
    #[schema(wire = "cpu", validate = matches("the name of a CPU model", word))]
    pub r#type: Option<String>,

    /// Most processor time that the machine gets, in whole processors: `1.5` is one and a half. From 0 to 128; 0 is
    /// no limit, and Proxmox VE's default.
    #[schema(wire = "cpulimit", validate = range(0, 128))]
    pub limit: Option<f64>,

    /// Share of processor time in relation to other machines, from 1 to 262144. Proxmox VE's default is 100.
    #[schema(wire = "cpuunits", validate = range(1, 262_144))]
    pub units: Option<u32>,
}

fn word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// What a configuration says.
pub(super) fn read(named: Named<'_, Cpu>, config: &VmConfig) -> Option<Cpu> {
    named.object(|cpu| Cpu {
        cores: cpu.of(|c| &c.cores).or(parsed(config, "cores"), 1_u32),
        sockets: cpu.of(|c| &c.sockets).or(parsed(config, "sockets"), 1_u32),
        r#type: cpu.of(|c| &c.r#type).or(property(config, "cpu", TYPE).default, "kvm64"),
        limit: cpu.of(|c| &c.limit).or(parsed(config, "cpulimit"), 0.0),
        units: cpu.of(|c| &c.units).or(parsed(config, "cpuunits"), 100_u32),
    })
}

/// Writes what changes.
pub(super) fn write(cpu: Pair<'_, Cpu>, out: &mut Writes<'_>) {
    out.text("cores", cpu.wish(|c| &c.cores));
    out.text("sockets", cpu.wish(|c| &c.sockets));
    out.number("cpulimit", cpu.wish(|c| &c.limit));
    out.text("cpuunits", cpu.wish(|c| &c.units));
    out.property("cpu", TYPE, |property| match cpu.wish(|c| &c.r#type) {
        Edit::Keep => {}
        Edit::Set(name) => property.default = Some(name.clone()),
        Edit::Clear => property.default = None,
    });
}
