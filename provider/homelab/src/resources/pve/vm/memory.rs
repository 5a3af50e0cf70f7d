//! Memory of a machine.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{Writes, parsed, property, truth};

/// Name under which the size may stand in its property string.
const SIZE: Option<&str> = Some("current");

/// What Proxmox VE gives a machine that says nothing, in MiB.
pub(super) const DEFAULT_MIB: u32 = 512;

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

/// The size that a configuration says.
fn size(config: &VmConfig) -> Option<u32> {
    property(config, "memory", SIZE).default.and_then(|text| text.parse().ok())
}

/// What a configuration says.
pub(super) fn read(named: Named<'_, Memory>, config: &VmConfig) -> Option<Memory> {
    let size = size(config);
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
///
/// Proxmox VE compares size and minimum as the call and the present configuration have them, whatever the call deletes
/// (qemu-server 9.2.6, `API2/Qemu.pm`). So one that is to go back to its default is first set to it where the other would
/// be refused beside the old one, and deleted by the next write.
pub(super) fn write(memory: Pair<'_, Memory>, out: &mut Writes<'_>) {
    let current = out.current();
    let had_size = size(current).unwrap_or(DEFAULT_MIB);
    let had_least: Option<u32> = parsed(current, "balloon");
    let (wanted_size, wanted_least) = (memory.wish(|m| &m.size_mib), memory.wish(|m| &m.minimum_mib));
    let (size, least) = match (wanted_size, wanted_least) {
        (Edit::Clear, Edit::Set(least)) if *least > had_size && *least <= DEFAULT_MIB => {
            out.write_again();
            (Edit::Set(&DEFAULT_MIB), wanted_least)
        }
        (Edit::Set(size), Edit::Clear) if had_least.is_some_and(|least| least > *size) => {
            out.write_again();
            (wanted_size, wanted_size)
        }
        wanted => wanted,
    };
    out.property("memory", SIZE, |property| match size {
        Edit::Keep => {}
        Edit::Set(size) => property.default = Some(size.to_string()),
        Edit::Clear => property.default = None,
    });
    out.text("balloon", least);
    out.text("shares", memory.wish(|m| &m.shares));
    out.text("hugepages", memory.wish(|m| &m.hugepages));
    out.flag("keephugepages", memory.flag(|m| &m.keep_hugepages));
    out.flag("allow-ksm", memory.flag(|m| &m.allow_ksm));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written first, and whether more follows.
    fn written(
        current: &[(&str, &str)],
        prior: (Option<u32>, Option<u32>),
        want: (Option<u32>, Option<u32>),
    ) -> (String, bool) {
        let values = current.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let config = VmConfig { values, digest: None };
        let memory = |(size_mib, minimum_mib)| Memory { size_mib, minimum_mib, ..Memory::default() };
        let (prior, want) = (memory(prior), memory(want));
        let mut writes = Writes::against(&config);
        write(Pair { prior: Some(&prior), want: Some(&want) }, &mut writes);
        let again = writes.is_written_again();
        let (set, delete) = writes.finish().unwrap();
        let set = set.iter().map(|(key, value)| format!("{key}={value}"));
        (set.chain(delete.iter().map(|key| format!("-{key}"))).collect::<Vec<_>>().join(" "), again)
    }

    #[test]
    fn a_default_is_set_before_it_is_left_where_the_other_would_be_refused() {
        let small = [("memory", "256")];
        assert_eq!(
            written(&small, (Some(256), None), (None, Some(400))),
            ("balloon=400 memory=512".to_owned(), true)
        );
        let on_the_way = [("memory", "512"), ("balloon", "400")];
        assert_eq!(written(&on_the_way, (Some(256), None), (None, Some(400))), ("-memory".to_owned(), false));
        let large = [("memory", "1024"), ("balloon", "800")];
        assert_eq!(
            written(&large, (Some(1024), Some(800)), (Some(512), None)),
            ("balloon=512 memory=512".to_owned(), true)
        );
        assert_eq!(
            written(&large, (Some(1024), Some(800)), (Some(900), None)),
            ("memory=900 -balloon".to_owned(), false)
        );
        assert_eq!(
            written(&large, (Some(1024), Some(800)), (None, Some(500))),
            ("balloon=500 -memory".to_owned(), false)
        );
    }
}
