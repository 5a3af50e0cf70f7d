//! The whole life of a data disk with real CLIs: attached cold and hot, grown, moved, given, replaced under, parked, refused.

use serde_json::{Value, json};
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

/// What every disk here is.
const DISK: [(&str, &str); 5] = [
    ("name", "\"pg\""),
    ("node_name", "\"pve1\""),
    ("storage_name", "\"shared\""),
    ("size_gib", "2"),
    ("deletion_protection", "false"),
];

/// What every machine here is.
const MACHINE: [(&str, &str); 5] = [
    ("node_name", "\"pve1\""),
    ("name", "\"app\""),
    ("vm_id", "500"),
    ("scsi_hardware", "\"virtio-scsi-single\""),
    ("disks", "{ scsi0 = { storage_name = \"shared\", size_gib = 1 } }"),
];

/// A block with these arguments, later ones in the place of earlier ones.
fn block(kind: &str, name: &str, usual: &[(&str, &str)], own: &[(&str, &str)]) -> String {
    let mut arguments: Vec<(&str, &str)> = usual.to_vec();
    for (key, value) in own {
        arguments.retain(|(found, _)| found != key);
        arguments.push((key, value));
    }
    let lines = arguments.iter().map(|(key, value)| match *key {
        "lifecycle" => format!("  lifecycle {value}\n"),
        key => format!("  {key} = {value}\n"),
    });
    format!("resource \"{kind}\" \"{name}\" {{\n{}}}\n", lines.collect::<String>())
}

fn disk(own: &[(&str, &str)]) -> String {
    let tier = "resource \"homelab_backup_tier\" \"one\" {\n  number = 1\n}\nresource \"homelab_backup_tier\" \"three\" {\n  \
                number = 3\n}\n";
    let schedule = "resource \"homelab_backup_schedule\" \"one\" {\n  tier = homelab_backup_tier.one\n  storage_name = \
                    \"shared\"\n}\nresource \"homelab_backup_schedule\" \"three\" {\n  tier = homelab_backup_tier.three\n  \
                    storage_name = \"shared\"\n}\n";
    let depends = ("depends_on", "[homelab_backup_tier.one, homelab_backup_tier.three]");
    let own: Vec<(&str, &str)> =
        [("backup_tier", "1"), depends].into_iter().chain(own.iter().copied()).collect();
    format!("{tier}{schedule}{}", block("homelab_pve_data_disk", "pg", &DISK, &own))
}

fn app(own: &[(&str, &str)]) -> String {
    block("homelab_pve_vm", "app", &MACHINE, own)
}

const ATTACHED: (&str, &str) = ("data_disks", "{ scsi1 = homelab_pve_data_disk.pg.id }");

/// One CLI with a lab of its own.
struct Life {
    lab: Lab,
    workspace: Workspace,
}

impl Life {
    fn new(cli: &std::path::Path) -> Self {
        Self { lab: Lab::start(), workspace: Workspace::new(cli) }
    }

    /// Applies a configuration, after which the plan is empty.
    #[track_caller]
    fn apply(&self, configuration: &str) -> String {
        self.workspace.configure(&self.lab.provider_block(), configuration);
        let said = self.workspace.apply().ok().prose();
        self.workspace.plan_is_empty();
        assert_eq!(self.lab.state()["torn"], json!([]), "the volume was never on two buses");
        said
    }

    /// What is said of a configuration that cannot be.
    #[track_caller]
    fn refused(&self, configuration: &str) -> String {
        self.workspace.configure(&self.lab.provider_block(), configuration);
        self.workspace.apply().failed().prose()
    }

    fn config(&self, node: &str, id: u64) -> Value {
        self.lab.config(&Place { node: node.to_owned(), id })
    }

    fn process(&self, node: &str, id: u64) -> Value {
        self.lab.get(&format!("/api2/json/nodes/{node}/qemu/{id}/status/current"))["data"]["pid"].clone()
    }

    fn disk(&self) -> Value {
        self.workspace.resource("homelab_pve_data_disk.pg")
    }

    /// The jobs that include a volume, through which machine.
    fn covered(&self, volume: &str) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        for job in self.lab.get("/api2/json/cluster/backup")["data"].as_array().into_iter().flatten() {
            let id = job["id"].as_str().unwrap_or_default().to_owned();
            let included = self.lab.get(&format!("/api2/json/cluster/backup/{id}/included_volumes"));
            for guest in included["data"]["children"].as_array().into_iter().flatten() {
                let disks = guest["children"].as_array().into_iter().flatten();
                if disks.into_iter().any(|disk| disk["name"] == volume && disk["included"] == 1) {
                    found.push((id.clone(), guest["id"].as_u64().unwrap_or_default()));
                }
            }
        }
        found.sort();
        found
    }

    fn end(self) {
        self.workspace.destroy().ok();
        assert_eq!(self.lab.guests(), Vec::<String>::new(), "nothing is left");
    }
}

#[test]
fn a_held_disk_is_attached_cold_and_hot_grows_and_changes_its_tier() {
    with_each_cli(|cli| {
        let life = Life::new(cli);
        life.apply(&disk(&[]));
        let parked = life.disk();
        let (holder, volume) = (parked["holder_vm_id"].as_u64().unwrap(), parked["volume_id"].clone());
        let volume = volume.as_str().unwrap();
        assert_eq!(life.covered(volume), [("tier-1-shared".to_owned(), holder)]);

        // Cold: it is there when the machine starts.
        let said = life.apply(&format!("{}{}", disk(&[]), app(&[ATTACHED])));
        assert!(said.contains("Backups go through the machine") && said.contains("tier-1-shared"), "{said}");
        let process = life.process("pve1", 500);
        let drive = life.config("pve1", 500)["scsi1"].to_string();
        let serial = parked["serial"].as_str().unwrap();
        assert!(drive.contains(volume) && drive.contains(serial) && drive.contains("backup=1"), "{drive}");
        assert_eq!(life.covered(volume), [("tier-1-shared".to_owned(), 500)]);

        // Hot: out, in, grown, of another tier, while the machine runs.
        life.apply(&format!("{}{}", disk(&[]), app(&[])));
        assert_eq!(life.covered(volume), [("tier-1-shared".to_owned(), holder)]);
        life.apply(&format!("{}{}", disk(&[]), app(&[ATTACHED])));
        life.apply(&format!("{}{}", disk(&[("size_gib", "3")]), app(&[ATTACHED])));
        assert!(life.config("pve1", 500)["scsi1"].as_str().unwrap().ends_with("size=3G"));
        life.apply(&format!(
            "{}{}",
            disk(&[("size_gib", "3"), ("backup_tier", "\"dev\"")]),
            app(&[ATTACHED])
        ));
        assert_eq!(life.covered(volume), [("tier-3-shared".to_owned(), 500)]);
        assert_eq!(life.process("pve1", 500), process, "the machine was never restarted");
        assert_eq!(life.disk()["volume_id"], volume);

        // What cannot be is said at plan.
        let grown = [("size_gib", "3"), ("backup_tier", "\"dev\"")];
        let writes = life.lab.writes();
        for (own, words) in
            [(("size_gib", "2"), "Disk cannot shrink"), (("ownership", "\"transfer\""), "Disk is attached")]
        {
            let own: Vec<(&str, &str)> = grown.into_iter().chain([own]).collect();
            let said = life.refused(&format!("{}{}", disk(&own), app(&[ATTACHED])));
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(life.lab.writes(), writes, "a plan changes nothing");

        // Another machine takes its place; then it is parked, moved and taken to another node.
        life.apply(&format!("{}{}", disk(&grown), app(&[ATTACHED, ("vm_id", "501")])));
        assert_eq!(life.disk()["volume_id"], volume);
        life.apply(&disk(&grown));
        let moved: Vec<(&str, &str)> = grown.into_iter().chain([("storage_name", "\"local-lvm\"")]).collect();
        life.apply(&disk(&moved));
        assert!(life.disk()["volume_id"].as_str().unwrap().starts_with("local-lvm:"));
        let away: Vec<(&str, &str)> = moved.iter().copied().chain([("node_name", "\"pve2\"")]).collect();
        life.apply(&disk(&away));
        assert!(life.config("pve2", holder)["scsi0"].is_string());
        life.end();
    });
}

#[test]
fn a_held_disk_moves_while_its_machine_runs_and_goes_back_to_its_holder_when_that_stops() {
    with_each_cli(|cli| {
        let life = Life::new(cli);
        life.apply(&format!("{}{}", disk(&[]), app(&[ATTACHED])));
        let (process, holder) = (life.process("pve1", 500), life.disk()["holder_vm_id"].clone());
        life.lab.write_disk(500, "scsi1", "what the guest has written");
        let local = [("storage_name", "\"local-lvm\"")];
        let said = life.apply(&format!("{}{}", disk(&local), app(&[ATTACHED])));
        assert!(said.contains("Volume changes its owner") && said.contains("local-lvm"), "{said}");
        assert_eq!(life.process("pve1", 500), process, "it moved while the machine ran");
        let volume = life.disk()["volume_id"].as_str().unwrap().to_owned();
        assert!(volume.starts_with("local-lvm:vm-500-disk"), "{volume}");
        assert_eq!(life.config("pve1", 500)["protection"], 1, "whoever owns the volume is protected");
        assert_eq!(life.covered(&volume), [("tier-1-shared".to_owned(), 500)]);
        // The stop and the return are one apply.
        life.apply(&format!("{}{}", disk(&local), app(&[ATTACHED, ("started", "false")])));
        let drive = life.config("pve1", 500)["scsi1"].to_string();
        assert!(drive.contains(&format!("local-lvm:vm-{holder}-disk")), "{drive}");
        assert_ne!(life.config("pve1", 500)["protection"], 1, "it owns nothing of it any more");
        let state = life.lab.state();
        let kept = state["volumes"].as_object().unwrap().values();
        let kept = kept.filter(|volume| volume["contents"] == "what the guest has written").count();
        assert_eq!(kept, 1, "there is one copy: {}", state["volumes"]);
        life.end();
    });
}

#[test]
fn two_disks_of_a_machine_move_in_one_apply_and_leave_nothing_protected() {
    with_each_cli(|cli| {
        let life = Life::new(cli);
        let both = |storage: &str, started: &str| {
            let own = [("storage_name", storage)];
            let second = [("name", "\"wal\""), ("storage_name", storage), ("backup_tier", "0")];
            let second = block("homelab_pve_data_disk", "wal", &DISK, &second);
            let slots = "{ scsi1 = homelab_pve_data_disk.pg.id, scsi2 = homelab_pve_data_disk.wal.id }";
            format!("{}{second}{}", disk(&own), app(&[("data_disks", slots), ("started", started)]))
        };
        life.apply(&both("\"shared\"", "true"));
        life.apply(&both("\"local-lvm\"", "true"));
        for slot in ["scsi1", "scsi2"] {
            let drive = life.config("pve1", 500)[slot].to_string();
            assert!(drive.contains("local-lvm:vm-500-disk"), "{drive}");
        }
        life.apply(&both("\"local-lvm\"", "false"));
        let config = life.config("pve1", 500);
        assert!(
            !config["scsi1"].to_string().contains("vm-500")
                && !config["scsi2"].to_string().contains("vm-500")
        );
        assert_ne!(config["protection"], 1, "{config}");
        life.end();
    });
}

#[test]
fn a_given_disk_follows_its_machine_to_another_node_and_moves_while_it_runs() {
    with_each_cli(|cli| {
        let life = Life::new(cli);
        let given = [("ownership", "\"transfer\""), ("storage_name", "\"local-lvm\"")];
        life.apply(&disk(&given));
        let serial = life.disk()["serial"].clone();
        let holder = life.disk()["holder_vm_id"].as_u64().unwrap();
        let said = life.apply(&format!("{}{}", disk(&given), app(&[ATTACHED])));
        assert!(said.contains("Volume changes its owner"), "{said}");
        assert_eq!(life.config("pve1", 500)["protection"], 1, "whoever owns the volume is protected");
        let away = [ATTACHED, ("node_name", "\"pve2\"")];
        life.apply(&format!("{}{}", disk(&given), app(&away)));
        let drive = life.config("pve2", 500)["scsi1"].to_string();
        assert!(drive.contains(serial.as_str().unwrap()), "{drive}");
        let process = life.process("pve2", 500);
        let shared = [("ownership", "\"transfer\""), ("storage_name", "\"shared\""), ("size_gib", "4")];
        life.apply(&format!("{}{}", disk(&shared), app(&away)));
        let drive = life.config("pve2", 500)["scsi1"].to_string();
        assert!(drive.contains("shared:") && drive.contains("size=4G"), "{drive}");
        assert_eq!(life.process("pve2", 500), process, "it moved while the machine ran");
        life.apply(&format!("{}{}", disk(&shared), app(&[("node_name", "\"pve2\"")])));
        assert!(life.config("pve2", holder)["scsi0"].is_string(), "the holder has come for it");
        assert_ne!(life.config("pve2", 500)["protection"], 1, "it owns nothing of it any more");
        life.apply(&format!("{}{}", disk(&shared), app(&[ATTACHED])));
        life.apply(&disk(&shared));
        life.end();
    });
}

#[test]
fn tags_that_are_named_no_more_leave_the_holder() {
    with_each_cli(|cli| {
        let life = Life::new(cli);
        life.apply(&disk(&[("tags", "[\"prod\"]")]));
        let holder = life.disk()["holder_vm_id"].as_u64().unwrap();
        assert!(life.config("pve1", holder)["tags"].as_str().unwrap().contains("prod"));
        life.apply(&disk(&[]));
        assert!(!life.config("pve1", holder)["tags"].as_str().unwrap().contains("prod"));
        life.end();
    });
}

#[test]
fn a_machine_that_is_protected_for_a_given_disk_still_loses_other_drives() {
    with_each_cli(|cli| {
        let life = Life::new(cli);
        let given = disk(&[("ownership", "\"transfer\""), ("storage_name", "\"local-lvm\"")]);
        let drives =
            [ATTACHED, ("cdroms", "{ ide0 = {} }"), ("tpm_state", "{ storage_name = \"local-lvm\" }")];
        for protection in [&[][..], &[("protection", "false")]] {
            let with: Vec<_> = drives.iter().chain(protection).copied().collect();
            life.apply(&format!("{given}{}", app(&with)));
            let without: Vec<_> = [ATTACHED].iter().chain(protection).copied().collect();
            life.apply(&format!("{given}{}", app(&without)));
            let config = life.config("pve1", 500);
            assert!(config["ide0"].is_null() && config["tpmstate0"].is_null(), "{config}");
            assert_eq!(config["protection"], 1, "it still owns the volume");
        }
        life.apply(&given);
        life.end();
    });
}

#[test]
fn a_replacement_that_is_made_first_gets_the_disk_when_the_old_machine_goes() {
    with_each_cli(|cli| {
        for ownership in ["\"holder\"", "\"transfer\""] {
            let life = Life::new(cli);
            let own = [("ownership", ownership)];
            let first = ("lifecycle", "{\n    create_before_destroy = true\n  }");
            life.apply(&format!("{}{}", disk(&own), app(&[ATTACHED, first])));
            let said = life.apply(&format!("{}{}", disk(&own), app(&[ATTACHED, first, ("vm_id", "501")])));
            assert!(said.contains("Data disk comes later"), "{said}");
            let drive = life.config("pve1", 501)["scsi1"].to_string();
            assert!(drive.contains(life.disk()["serial"].as_str().unwrap()), "{drive}");
            assert!(life.config("pve1", 500).is_null(), "the old machine is gone");
            life.end();
        }
    });
}

#[test]
fn a_machine_in_a_pool_of_its_own_is_backed_up_by_companions() {
    with_each_cli(|cli| {
        let life = Life::new(cli);
        let web = "resource \"homelab_pve_pool\" \"web\" {\n  name = \"web\"\n}\n";
        let own = [ATTACHED, ("pool_name", "homelab_pve_pool.web.name")];
        life.apply(&format!("{web}{}{}", disk(&[]), app(&own)));
        let volume = life.disk()["volume_id"].as_str().unwrap().to_owned();
        let companion = |tier: u64| vec![(format!("tier-{tier}-shared-vm500"), 500)];
        assert_eq!(life.covered(&volume), companion(1));
        // The companion follows its job.
        let later = disk(&[]).replacen(
            "storage_name = \"shared\"",
            "storage_name = \"shared\"\n  start_delay_minutes = 45",
            1,
        );
        life.apply(&format!("{web}{later}{}", app(&own)));
        let job = |id: &str| life.lab.get(&format!("/api2/json/cluster/backup/{id}"))["data"].clone();
        assert_eq!(job("tier-1-shared")["schedule"], job("tier-1-shared-vm500")["schedule"]);
        // So does another tier, and a pool that is chosen no more, or again.
        life.apply(&format!("{web}{}{}", disk(&[("backup_tier", "3")]), app(&own)));
        assert_eq!(life.covered(&volume), companion(3));
        life.apply(&format!("{web}{}{}", disk(&[("backup_tier", "3")]), app(&[ATTACHED])));
        assert_eq!(life.covered(&volume), [("tier-3-shared".to_owned(), 500)]);
        assert!(job("tier-3-shared-vm500").is_null());
        life.apply(&format!("{web}{}{}", disk(&[("backup_tier", "3")]), app(&own)));
        assert_eq!(life.covered(&volume), companion(3));
        let looser = [ATTACHED, ("pool_name", "homelab_backup_tier.three.pool_name")];
        let said = life.refused(&format!("{web}{}{}", disk(&[]), app(&looser)));
        assert!(said.contains("Pool is of a looser tier"), "{said}");
        // Somebody deletes the companion: the next apply makes it again.
        life.lab.request("DELETE", "/api2/json/cluster/backup/tier-3-shared-vm500", None);
        life.apply(&format!("{web}{}{}", disk(&[("backup_tier", "3")]), app(&own)));
        assert_eq!(life.covered(&volume), companion(3));
        life.apply(&format!("{web}{}{}", disk(&[]), app(&[("pool_name", "homelab_pve_pool.web.name")])));
        assert!(job("tier-3-shared-vm500").is_null());
        life.end();
    });
}

#[test]
fn a_disk_is_not_destroyed_while_it_is_attached_or_protected() {
    with_each_cli(|cli| {
        let life = Life::new(cli);
        let protected = [("deletion_protection", "true")];
        life.apply(&disk(&protected));
        let id = life.disk()["id"].as_str().unwrap().to_owned();
        life.workspace.configure(&life.lab.provider_block(), &disk(&protected));
        let said = life.workspace.destroy().failed().prose();
        assert!(said.contains("Data disk is protected"), "{said}");
        // A machine that names it by its id, so that the CLI does not know that one needs the other.
        let literal = format!("{{ scsi1 = \"{id}\" }}");
        life.apply(&format!("{}{}", disk(&[]), app(&[("data_disks", &literal)])));
        let tiers = disk(&[]);
        let tiers = tiers.split("resource \"homelab_pve_data_disk\"").next().unwrap();
        let said = life.refused(&format!("{tiers}{}", app(&[("data_disks", &literal)])));
        assert!(said.contains("Data disk is in use") && said.contains("VM 500"), "{said}");
        life.apply(&disk(&[]));
        life.end();
    });
}
