//! What a login must be allowed for a change of a machine.
//!
//! Which setting needs which privilege is from qemu-server 9.2.6, `API2/Qemu.pm`. What only the source of a clone or the
//! service itself knows is not looked at: the change tells it.

use pve_client::{Params, PoolName, VmConfig, VmId};
use tf_framework::prelude::*;

use super::cloud_init::CloudInit;
use super::marker::Marker;
use super::model::Vm;
use super::named::Pair;
use super::placement::Placement;
use super::seed::OnChange;
use super::{config, data_disks, ownership, slot};
use crate::cx::Cx;
use crate::preflight::{Need, need, need_below};

const PROCESSOR: [&str; 8] = ["affinity", "cores", "cpu", "cpulimit", "cpuunits", "numa", "sockets", "vcpus"];

const HARDWARE: [&str; 17] = [
    "acpi",
    "agent",
    "arch",
    "audio0",
    "bios",
    "efidisk0",
    "hotplug",
    "keyboard",
    "kvm",
    "localtime",
    "machine",
    "rng0",
    "scsihw",
    "smbios1",
    "tablet",
    "vga",
    "watchdog",
];

/// Families of hardware, by the name before their number.
const PASSED_THROUGH: [&str; 5] = ["hostpci", "parallel", "serial", "usb", "virtiofs"];

/// What the agent needs: the first two are of Proxmox VE 9, the last is of 8.
const AGENT: &[&str] = &["VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted", "VM.Monitor"];

/// What a machine may need itself: whoever has these everywhere need not have them by its pool.
const ON_MACHINES: [&str; 11] = [
    "VM.Allocate",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Migrate",
    "VM.PowerMgmt",
];

/// Adds an error for each privilege that the planned change needs and the login lacks.
pub(super) async fn check(
    cx: &Cx,
    placement: &Placement,
    restarts: bool,
    plan: &mut Plan<'_, Vm>,
) -> Result<()> {
    let needs = match (plan.prior.clone(), want(plan)) {
        (Some(prior), None) if plan.is_destroy() => {
            let mut needs = destroy(&prior);
            if let Some(id) = id_of(&prior) {
                needs.extend(data_disks::privileges::destroy(cx, &prior, id).await?);
            }
            needs
        }
        (prior, Some(want)) => {
            let id = ownership::vm_id(cx.operation()).or_else(|| id_of(&want));
            let mut change = Change { prior: prior.as_ref(), want: &want, id, present: None };
            // A plan without a change asks nobody.
            if change.needs(placement.moves, restarts).is_empty() {
                return Ok(());
            }
            if let (Some(id), Ok(pve)) = (id, cx.pve())
                && !cx.may_everywhere(&ON_MACHINES).await
            {
                change.present = pve.cluster().await.ok().and_then(|all| all.guest(id)?.pool.clone());
            }
            change.needs(placement.moves, restarts)
        }
        _ => Vec::new(),
    };
    cx.preflight(plan, &needs).await
}

/// What is wanted. Data disks that the same run makes have no ID yet, and are not looked at here.
fn want(plan: &Plan<'_, Vm>) -> Option<Vm> {
    plan.want().or_else(|| {
        let mut planned = plan.planned.clone();
        if let Value::Object(attributes) = &mut planned {
            attributes.insert("data_disks".to_owned(), Value::Null);
        }
        Vm::decode(&planned).ok().filter(|_| !plan.is_destroy())
    })
}

fn id_of(vm: &Vm) -> Option<VmId> {
    vm.vm_id.known().and_then(|id| VmId::new(*id).ok())
}

fn destroy(prior: &Vm) -> Vec<Need> {
    let Some(id) = id_of(prior) else { return Vec::new() };
    let mut needs = vec![need(format!("/vms/{id}"), &["VM.Allocate"])];
    if prior.is_started() {
        needs.push(need(format!("/vms/{id}"), &["VM.PowerMgmt"]));
    }
    needs
}

/// A create or an update.
struct Change<'a> {
    prior: Option<&'a Vm>,
    want: &'a Vm,
    id: Option<VmId>,
    /// The pool in which the machine is, also if the configuration chooses none.
    present: Option<PoolName>,
}

impl Change<'_> {
    fn needs(&self, moves: bool, restarts: bool) -> Vec<Need> {
        let (prior, want) = (self.prior, self.want);
        let mut needs = Vec::new();
        if prior.is_none() {
            needs.push(self.on_machine(&["VM.Allocate"]));
            // Without it the new machine could not even be read.
            needs.push(self.on_machine(&["VM.Audit"]));
            if let Some(source) = want.clone.as_ref().and_then(|clone| clone.vm_id) {
                needs.push(need(format!("/vms/{source}"), &["VM.Clone"]));
            }
        }
        let mut privileges: BTreeSet<&str> =
            self.changed().iter().map(|(key, value)| of(key, value)).collect();
        if self.changes_disc() {
            privileges.insert("VM.Config.CDROM");
        }
        for privilege in privileges {
            needs.push(match privilege {
                "Sys.Modify" => need("/", &["Sys.Modify"]),
                privilege => self.on_machine(known(privilege)),
            });
        }
        needs.extend(
            self.storages().map(|name| need(format!("/storage/{name}"), &["Datastore.AllocateSpace"])),
        );
        needs.extend(self.bridges().map(|path| need(path, &["SDN.Use"])));
        if moves {
            needs.push(self.on_machine(&["VM.Migrate"]));
        }
        let power = prior.map_or(want.is_started(), |prior| prior.is_started() != want.is_started());
        if power || restarts {
            needs.push(self.on_machine(&["VM.PowerMgmt"]));
            if want.wait_for.is_some() && want.is_started() {
                needs.push(self.on_machine(AGENT));
            }
        }
        let pools = [prior.map(|prior| &prior.pool_name), Some(&want.pool_name)];
        if let [Some(before), Some(after)] = pools
            && before != after
        {
            needs.extend(
                [before, after]
                    .into_iter()
                    .flatten()
                    .map(|pool| need(format!("/pool/{pool}"), &["Pool.Allocate"])),
            );
        }
        needs
    }

    /// A privilege on the machine, or on the pool in which it is: the narrower of them is told.
    fn on_machine(&self, any_of: &'static [&'static str]) -> Need {
        // What a pool grants holds for its members, not yet for a machine that is to join it.
        let joins = self.prior.is_some_and(|prior| prior.pool_name != self.want.pool_name);
        let pool = self.want.pool_name.as_ref().filter(|_| !joins);
        let pool = pool.map(|pool| need(format!("/pool/{pool}"), any_of));
        match (pool, self.id) {
            (Some(pool), Some(id)) => pool.or_on([format!("/vms/{id}")]),
            // Whatever ID it gets.
            (Some(pool), None) => pool.or_below("/vms"),
            (None, Some(id)) => {
                let present = self.present.iter().map(|pool| format!("/pool/{pool}"));
                need(format!("/vms/{id}"), any_of).or_on(present)
            }
            (None, None) => need_below("/vms", any_of),
        }
    }

    /// Whether the machine gets another disc with documents for cloud-init, or loses its own.
    fn changes_disc(&self) -> bool {
        let print = |vm: &Vm| vm.cloud_init.as_ref().and_then(CloudInit::print);
        let (before, after) = (self.prior.and_then(print), print(self.want));
        let ignored =
            self.want.cloud_init.as_ref().is_some_and(|wanted| wanted.on_change() == OnChange::Ignore);
        before != after && !(ignored && before.is_some() && after.is_some())
    }

    /// The wire keys that the change sets, with their values.
    fn changed(&self) -> Vec<(String, String)> {
        let mut want = self.want.clone();
        if let Some(prior) = self.prior.filter(|_| want.boot_order.is_unknown()) {
            want.boot_order = prior.boot_order.clone();
        }
        let before = self.prior.map(wire).unwrap_or_default();
        let after = wire(&want);
        let gone = before.iter().filter(|(key, _)| after.value(key).is_none());
        let set = after.iter().filter(|(key, value)| before.value(key) != Some(*value));
        gone.chain(set).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// Storages that get new volumes.
    fn storages(&self) -> impl Iterator<Item = String> {
        let before = self.prior.and_then(|prior| prior.disks.as_ref());
        let new = self.want.disks.iter().flatten().filter_map(move |(slot, disk)| {
            let had = before.and_then(|disks| disks.get(slot)).and_then(|disk| disk.storage_name.known());
            disk.storage_name.known().filter(|wanted| had != Some(*wanted))
        });
        new.map(ToString::to_string).collect::<BTreeSet<_>>().into_iter()
    }

    /// Paths of bridges that devices are plugged into. Bridges of a software-defined network have a zone of their own,
    /// which is not known here.
    fn bridges(&self) -> impl Iterator<Item = String> {
        let before = self.prior.and_then(|prior| prior.networks.as_ref());
        let plugged = self.want.networks.iter().flatten().filter_map(move |(slot, network)| {
            let had = before.and_then(|networks| networks.get(slot));
            let bridge = network.bridge.as_ref().filter(|bridge| bridge.starts_with("vmbr"))?;
            let same = had.is_some_and(|had| had.bridge == network.bridge && had.vlan_id == network.vlan_id);
            let vlan = network.vlan_id.as_ref().map(|vlan| format!("/{vlan}")).unwrap_or_default();
            (!same).then(|| format!("/sdn/zones/localnetwork/{bridge}{vlan}"))
        });
        plugged.collect::<BTreeSet<_>>().into_iter()
    }
}

/// The settings of a machine as they are sent, without our mark.
fn wire(vm: &Vm) -> Params {
    let nothing = VmConfig::default();
    let written = config::write(Pair { prior: None, want: Some(vm) }, &Marker::complete(""), &nothing);
    written.finish().map(|(set, _)| set).unwrap_or_default()
}

/// The privilege that a setting needs.
fn of(key: &str, value: &str) -> &'static str {
    let family = key.trim_end_matches(|last: char| last.is_ascii_digit());
    let is_drive = slot::is_disk(key);
    if is_drive && (value.contains("media=cdrom") || value.contains("cloudinit") || value.starts_with("none"))
    {
        "VM.Config.CDROM"
    } else if is_drive || matches!(key, "tpmstate0" | "vmstatestorage") {
        "VM.Config.Disk"
    } else if PROCESSOR.contains(&key) || family == "numa" {
        "VM.Config.CPU"
    } else if matches!(key, "memory" | "balloon" | "shares" | "allow-ksm") {
        "VM.Config.Memory"
    } else if HARDWARE.contains(&key) || PASSED_THROUGH.contains(&family) {
        "VM.Config.HWType"
    } else if slot::is_network(key) || matches!(key, "nameserver" | "searchdomain") {
        "VM.Config.Network"
    } else if slot::is_ip_config(key) || key.starts_with("ci") || key == "sshkeys" {
        "VM.Config.Cloudinit"
    } else if key == "startup" {
        "Sys.Modify"
    } else {
        "VM.Config.Options"
    }
}

/// A need of one privilege.
fn known(privilege: &str) -> &'static [&'static str] {
    match privilege {
        "VM.Config.CDROM" => &["VM.Config.CDROM"],
        "VM.Config.Disk" => &["VM.Config.Disk"],
        "VM.Config.CPU" => &["VM.Config.CPU"],
        "VM.Config.Memory" => &["VM.Config.Memory"],
        "VM.Config.HWType" => &["VM.Config.HWType"],
        "VM.Config.Network" => &["VM.Config.Network"],
        "VM.Config.Cloudinit" => &["VM.Config.Cloudinit"],
        _ => &["VM.Config.Options"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_needs_the_privilege_of_its_kind() {
        for (key, value, privilege) in [
            ("name", "web", "VM.Config.Options"),
            ("scsi0", "a:1,size=1G", "VM.Config.Disk"),
            ("ide2", "none,media=cdrom", "VM.Config.CDROM"),
            ("ide2", "a:cloudinit", "VM.Config.CDROM"),
            ("cores", "2", "VM.Config.CPU"),
            ("numa0", "cpus=0", "VM.Config.CPU"),
            ("balloon", "0", "VM.Config.Memory"),
            ("allow-ksm", "0", "VM.Config.Memory"),
            ("vmstatestorage", "a", "VM.Config.Disk"),
            ("hostpci0", "mapping=gpu", "VM.Config.HWType"),
            ("net0", "virtio", "VM.Config.Network"),
            ("ipconfig0", "ip=dhcp", "VM.Config.Cloudinit"),
            ("startup", "order=1", "Sys.Modify"),
        ] {
            assert_eq!(of(key, value), privilege, "{key}");
        }
    }

    #[test]
    fn an_update_needs_only_what_it_changes() {
        let mut prior = Vm::nothing("pve1".parse().unwrap());
        prior.name = Some("a".to_owned());
        prior.scsi_hardware = Some("virtio-scsi-single".to_owned());
        let mut want = prior.clone();
        want.name = Some("b".to_owned());
        want.boot_order = Defaulted::Unknown;
        let change = Change { prior: Some(&prior), want: &want, id: VmId::new(100).ok(), present: None };
        let keys: Vec<String> = change.changed().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["name"]);
        assert_eq!(change.needs(false, false).len(), 1);
        assert_eq!(change.needs(true, true).len(), 3);
    }
}
