//! Which guests a backup takes, where they run, and which of their disks.

use serde_json::{Value, json};

use crate::pve::answer::{Answer, Failure};
use crate::pve::handlers::backup_jobs::FILE;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::params::split_list;
use crate::pve::qemu::drive::Drive;
use crate::pve::qemu::vm::Vm;
use crate::pve::state::{Lab, Options};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/backup/{id}/included_volumes", included),
    route("GET", "/cluster/backup-info", index),
    route("GET", "/cluster/backup-info/not-backed-up", not_covered),
];

/// Whether a drive of a VM goes into its backups, and why. An optical drive is not even listed.
pub fn inclusion(vm: &Vm, slot: &str, drive: &Drive) -> Option<(bool, &'static str)> {
    if drive.is_cdrom() {
        return None;
    }
    Some(if slot == "efidisk0" && vm.get("bios") != Some("ovmf") {
        (false, "efidisk but no OMVF BIOS")
    } else if drive.is_backed_up() {
        (true, "backup=yes")
    } else {
        (false, "backup=no")
    })
}

fn ids(options: &Options, key: &str) -> Vec<u32> {
    let text = options.get(key).map_or("", String::as_str);
    split_list(text).iter().filter_map(|id| id.parse().ok()).collect()
}

/// Whether the options mean every guest.
pub fn means_all(options: &Options) -> bool {
    let all = options.get("all").is_some_and(|flag| flag == "1");
    all || (options.contains_key("exclude") && !options.contains_key("pool") && !options.contains_key("vmid"))
}

impl Lab {
    /// Guests that the options of a job or a call choose, in the order of their ids. Those that are listed but do
    /// not exist are among them.
    pub fn chosen(&self, options: &Options) -> Vec<u32> {
        let excluded = ids(options, "exclude");
        let mut chosen: Vec<u32> = match options.get("pool").filter(|pool| !pool.is_empty()) {
            Some(pool) => {
                let members = self.pools.get(pool).into_iter().flat_map(|pool| pool.guests.iter().copied());
                members.filter(|vmid| self.has_guest(*vmid) && !excluded.contains(vmid)).collect()
            }
            None if means_all(options) => {
                self.guest_ids().into_iter().filter(|vmid| !excluded.contains(vmid)).collect()
            }
            None => ids(options, "vmid"),
        };
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    /// Chosen guests that a node backs up: its own, and those that exist nowhere, so that their loss is seen.
    pub fn chosen_on(&self, node: &str, options: &Options) -> Vec<u32> {
        let here = |vmid: &u32| self.node_of_guest(*vmid).is_none_or(|at| at == node);
        self.chosen(options).into_iter().filter(here).collect()
    }

    /// Kind and name of a guest.
    pub fn guest_title(&self, vmid: u32) -> Option<(&'static str, String)> {
        if let Some(vm) = self.vms.get(&vmid) {
            return Some(("qemu", vm.display_name(vmid)));
        }
        Some(("lxc", self.containers.get(&vmid)?.display_name(vmid)))
    }

    /// Disks or mount points of a guest, with file and whether a backup has them, and why.
    fn backup_volumes(&self, vmid: u32) -> Vec<(String, String, bool, &'static str)> {
        if let Some(container) = self.containers.get(&vmid) {
            let mounts = container.mounts().map(|(key, mount)| {
                let (wanted, reason) = mount.inclusion(key);
                (key.to_owned(), mount.source, wanted, reason)
            });
            return mounts.collect();
        }
        let Some(vm) = self.vms.get(&vmid) else { return Vec::new() };
        let disks = vm.drives().filter_map(|(slot, drive)| {
            let (wanted, reason) = inclusion(vm, slot, &drive)?;
            Some((slot.to_owned(), drive.file, wanted, reason))
        });
        disks.collect()
    }
}

fn included(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    let file = lab.file(FILE);
    let entry = file.get(id).ok_or_else(|| Failure::parameter("id", format!("No such job '{id}'")))?;
    let guests = lab.chosen(&entry.options).into_iter().filter_map(|vmid| {
        let (kind, name) = lab.guest_title(vmid)?;
        let volumes = lab.backup_volumes(vmid).into_iter().map(|(slot, file, wanted, reason)| {
            json!({
                "id": format!("{vmid}:{slot}"), "name": file, "leaf": 1, "included": i32::from(wanted),
                "reason": reason,
            })
        });
        let children: Vec<Value> = volumes.collect();
        Some(json!({"id": vmid, "name": name, "type": kind, "leaf": 0, "children": children}))
    });
    Ok(json!({ "children": guests.collect::<Vec<Value>>() }).into())
}

fn index(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([{"subdir": "not-backed-up"}]).into())
}

fn not_covered(lab: &mut Lab, request: &Request) -> Answer {
    let jobs = lab.file(FILE).entries;
    let covered: Vec<u32> = jobs.iter().flat_map(|entry| lab.chosen(&entry.options)).collect();
    let left = lab.guest_ids().into_iter().filter(|vmid| {
        !covered.contains(vmid) && lab.allows(&request.who, &format!("/vms/{vmid}"), &["VM.Audit"])
    });
    let left = left.filter_map(|vmid| {
        let (kind, name) = lab.guest_title(vmid)?;
        Some(json!({"vmid": vmid, "name": name, "type": kind}))
    });
    Ok(left.collect::<Vec<Value>>().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::state::Pool;

    fn options(pairs: &[(&str, &str)]) -> Options {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_pool_a_list_or_all_but_some_choose_guests_of_each_node() {
        let mut lab = Lab::default();
        for (vmid, node) in [(100, "pve1"), (101, "pve2"), (102, "pve1")] {
            lab.vms.insert(vmid, Vm::on(node));
        }
        lab.pools.insert("p".to_owned(), Pool { guests: [101, 102, 999].into(), ..Pool::default() });
        assert_eq!(lab.chosen(&options(&[("pool", "p")])), [101, 102]);
        assert_eq!(lab.chosen(&options(&[("vmid", "102,100;999")])), [100, 102, 999]);
        assert_eq!(lab.chosen(&options(&[("all", "1"), ("exclude", "101")])), [100, 102]);
        assert_eq!(lab.chosen_on("pve2", &options(&[("vmid", "102,100,999")])), [999]);
        assert_eq!(lab.chosen_on("pve1", &options(&[("pool", "p")])), [102]);
    }

    #[test]
    fn disks_are_left_out_by_their_own_option_and_firmware_without_its_variables() {
        let mut vm = Vm::on("pve1");
        let told = |vm: &Vm, slot: &str, text: &str| inclusion(vm, slot, &Drive::parse(text).unwrap());
        assert_eq!(told(&vm, "scsi0", "local:100/a.raw"), Some((true, "backup=yes")));
        assert_eq!(told(&vm, "scsi0", "local:100/a.raw,backup=0"), Some((false, "backup=no")));
        assert_eq!(told(&vm, "ide2", "none,media=cdrom"), None);
        assert_eq!(told(&vm, "efidisk0", "local:100/e.raw").map(|(wanted, _)| wanted), Some(false));
        vm.set("bios", "ovmf");
        assert_eq!(told(&vm, "efidisk0", "local:100/e.raw"), Some((true, "backup=yes")));
    }
}
