//! What must hold of a data disk: always, and whenever an apply has worked.

use serde_json::{Value, json};

use super::World;

impl World {
    /// What must hold at every moment: the volume was never on two buses, and there is one, with one owner.
    pub fn check_always(&self, story: &str) {
        let state = self.lab.state();
        assert_eq!(state["torn"], json!([]), "{story}: a volume was on two buses");
        // One whose create failed may have none.
        let Some(disk) = self.disk.as_ref().filter(|disk| !disk.tainted) else { return };
        let disk = disk.value.to_json();
        let volumes = state["volumes"].as_object().into_iter().flatten();
        // The machine's own disk has 1 GiB, the data disk more.
        let found: Vec<&String> = volumes
            .filter(|(_, volume)| {
                volume["content"] == "images" && volume["disk_size"].as_u64() > Some(1 << 30)
            })
            .map(|(id, _)| id)
            .collect();
        // While it goes to another storage through its machine, there is the one from before too.
        let holder =
            state["vms"][self.holder().to_string()]["config"]["description"].as_str().unwrap_or_default();
        let most = if holder.contains("moving") { 2 } else { 1 };
        assert!((1..=most).contains(&found.len()), "{story}: there is one volume: {found:?} of {disk}");
    }

    /// What must hold whenever an apply has worked.
    pub(super) fn check(&self, vm: Option<&Value>, story: &str) {
        self.check_always(story);
        let state = self.lab.state();
        let holder = state["vms"][self.holder().to_string()]["config"].clone();
        let serial = holder_serial(&holder);
        assert_eq!(holder["protection"], "1", "{story}: the holder is protected: {holder}");
        let description = holder["description"].as_str().unwrap_or_default();
        assert!(!description.contains("moving"), "{story}: nothing is on its way any more: {description}");
        let slot = vm.and_then(|vm| vm["data_disks"].as_object()).and_then(|slots| slots.keys().next());
        let user = vm.map(|vm| state["vms"][vm["vm_id"].to_string()]["config"].clone()).unwrap_or_default();
        let tier = self.disk_config["backup_tier"].as_str().unwrap_or_default();
        let (bus, member) = match (slot, vm) {
            (Some(slot), Some(vm)) => (user[slot].clone(), vm["vm_id"].as_u64().unwrap_or_default()),
            _ => (holder["scsi0"].clone(), self.holder()),
        };
        let bus = bus.as_str().unwrap_or_default();
        let storage = self.disk_config["storage_name"].as_str().unwrap_or_default();
        assert!(bus.starts_with(&format!("{storage}:")), "{story}: it is on its storage: {bus}");
        for guest in [&holder, &user] {
            let entries =
                guest.as_object().into_iter().flatten().filter(|(key, _)| key.starts_with("unused"));
            let others: Vec<_> =
                entries.filter(|(_, volume)| !bus.starts_with(volume.as_str().unwrap_or("-"))).collect();
            assert_eq!(others, Vec::<(&String, &Value)>::new(), "{story}: nobody keeps another volume");
        }
        let owned = bus.contains(&format!("vm-{member}-disk"));
        assert!(!owned || user.is_null() || user["protection"] == "1" || slot.is_none(), "{story}: {user}");
        assert!(
            bus.contains(&format!("serial={serial}")),
            "{story}: the disk is where it is to be: {holder} {user}"
        );
        let backed_up = if tier == "0" { "backup=0" } else { "backup=1" };
        assert!(bus.contains(backed_up), "{story}: backups are as the tier says: {bus}");
        let volume = bus.split(',').next().unwrap_or_default();
        if tier != "0" {
            self.check_covered(tier, member, volume, story);
        }
        match (slot, vm) {
            (Some(_), _) => {
                assert!(holder.get("scsi0").is_none(), "{story}: the holder has let go: {holder}");
                let boot = user["scsi0"].as_str().unwrap_or_default();
                assert!(
                    boot.contains("backup=0") == (tier != "0"),
                    "{story}: the machine's own disk: {boot}"
                );
            }
            (None, Some(vm)) => self.check_bare(vm, &state, &user, story),
            (None, None) => {}
        }
    }

    /// The job of the tier, or its companion, has the volume in a backup of the machine that has it on a bus.
    fn check_covered(&self, tier: &str, member: u64, volume: &str, story: &str) {
        let jobs = [format!("t{tier}"), format!("t{tier}-vm{member}")];
        let included = jobs.iter().any(|job| {
            let path = format!("/api2/json/cluster/backup/{job}/included_volumes");
            let guests = self.lab.get(&path)["data"]["children"].clone();
            let guests = guests.as_array().into_iter().flatten();
            let guest = guests.filter(|guest| guest["id"].as_u64() == Some(member));
            let disks = guest.flat_map(|guest| guest["children"].as_array().into_iter().flatten());
            let mut disks = disks.cloned();
            disks.any(|disk| disk["name"] == volume && disk["included"] == 1)
        });
        assert!(included, "{story}: a job of tier {tier} backs up {volume} with VM {member}");
    }

    /// A machine without data disks is as if it never had any.
    fn check_bare(&self, vm: &Value, state: &Value, user: &Value, story: &str) {
        let id = vm["vm_id"].as_u64().unwrap_or_default();
        let boot = user["scsi0"].as_str().unwrap_or_default();
        assert!(
            !boot.contains("backup=0"),
            "{story}: the machine's own disk is in its backups again: {boot}"
        );
        assert!(user.get("protection").is_none_or(|it| it != "1"), "{story}: it is not protected: {user}");
        for tier in 1..=4 {
            let guests =
                state["pools"][format!("tier-{tier}")]["guests"].as_array().cloned().unwrap_or_default();
            assert!(!guests.contains(&json!(id)), "{story}: VM {id} has left the pool of tier {tier}");
        }
        let jobs = self.lab.get("/api2/json/cluster/backup");
        let mut jobs = jobs["data"].as_array().into_iter().flatten();
        assert!(jobs.all(|job| job["vmid"].is_null()), "{story}: no job is left for VM {id}");
    }
}

/// The serial number that a holder records.
fn holder_serial(holder: &Value) -> String {
    let text = holder["description"].as_str().unwrap_or_default();
    let text = text.replace("%0A", "\n").replace("%3A", ":").replace("%22", "\"");
    let rest = text.split("\"serial\":\"").nth(1).unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}
