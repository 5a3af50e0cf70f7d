//! Memory of a machine.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{Writes, parsed, property, truth};

/// Name under which the size may stand in its property string.
const SIZE: Option<&str> = Some("current");

/// What Proxmox VE gives a machine that says nothing, in MiB.
const DEFAULT_MIB: u32 = 512;

/// Memory of a machine.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Memory {
    /// Size in MiB, at least 16. Proxmox VE's default is 512.
    #[schema(wire = "memory", validate = range(16, 4_178_944))]
    pub size_mib: Option<u32>,

    /// Least memory in MiB that the host may leave to the guest when it runs short. 0 takes the balloon device away.
    /// Proxmox VE's default is `size_mib`: nothing is taken.
    #[schema(wire = "balloon", validate = range(0, 4_178_944))]
    pub minimum_mib: Option<u32>,

    /// Share of memory in relation to other machines when the host runs short, from 0 to 50000. Proxmox VE's default
    /// is 1000.
    #[schema(wire = "shares", validate = range(0, 50_000))]
    pub shares: Option<u32>,

    /// Size of the pages that the memory is made of, in MiB: `2`, `1024` or `any`. By default they are ordinary ones.
    /// Needs `cpu.numa`, and a login as `root@pam` with a password.
    #[schema(wire = "hugepages", validate = one_of(["any", "2", "1024"]))]
    pub hugepages: Option<String>,

    /// Whether the node keeps the pages for the next start after the machine has stopped. Proxmox VE's default is
    /// `false`. Needs a login as `root@pam` with a password.
    #[schema(wire = "keephugepages")]
    pub keep_hugepages: Option<bool>,

    /// Whether the node may share pages that are alike with other machines. Proxmox VE's default is `true`. From Proxmox
    /// VE 9 on.
    #[schema(wire = "allow-ksm")]
    pub allow_ksm: Option<bool>,
}

/// What a configuration says.
pub(super) fn read(named: Named<'_, Memory>, config: &VmConfig) -> Option<Memory> {
    let size = property(config, "memory", SIZE).default.and_then(|text| text.parse().ok());
    named.object(|memory| Memory {
        size_mib: memory.of(|m| &m.size_mib).or(size, DEFAULT_MIB),
        minimum_mib: memory.of(|m| &m.minimum_mib).or(parsed(config, "balloon"), size.unwrap_or(DEFAULT_MIB)),
        shares: memory.of(|m| &m.shares).or(parsed(config, "shares"), 1000_u32),
        hugepages: memory.of(|m| &m.hugepages).found(parsed(config, "hugepages")),
        keep_hugepages: memory.of(|m| &m.keep_hugepages).or(truth(config, "keephugepages"), false),
        allow_ksm: memory.of(|m| &m.allow_ksm).or(truth(config, "allow-ksm"), true),
    })
}

/// Writes what changes.
pub(super) fn write(memory: Pair<'_, Memory>, out: &mut Writes<'_>) {
    out.property("memory", SIZE, |property| match memory.wish(|m| &m.size_mib) {
        Edit::Keep => {}
        Edit::Set(size) => property.default = Some(size.to_string()),
        Edit::Clear => property.default = None,
    });
    out.text("balloon", memory.wish(|m| &m.minimum_mib));
    out.text("shares", memory.wish(|m| &m.shares));
    out.text("hugepages", memory.wish(|m| &m.hugepages));
    out.flag("keephugepages", memory.flag(|m| &m.keep_hugepages));
    out.flag("allow-ksm", memory.flag(|m| &m.allow_ksm));
}
