//! Backups by the clock and at once, what they hold, what pruning leaves, and restores.

use serde_json::{Value, json};

use super::bench::Bench;

const DAY: i64 = 86_400;

/// A VM with two disks, the second of which stays out of backups, on a node.
fn guest(bench: &mut Bench, node: &str, vmid: u32, more: &str) {
    let form = format!("vmid={vmid}&name=g{vmid}&scsi0=shared:1&scsi1=shared:1,backup=0{more}");
    assert_eq!(bench.task("POST", &format!("/nodes/{node}/qemu"), &form), "OK");
}

fn job(bench: &mut Bench, form: &str) {
    bench.ok("POST", "/cluster/backup", form);
}

/// Backups on a storage as lists show them, the oldest first.
fn backups(bench: &mut Bench, storage: &str) -> Vec<Value> {
    let found = bench.ok("GET", &format!("/nodes/pve1/storage/{storage}/content"), "content=backup");
    let mut found = found.as_array().cloned().unwrap_or_default();
    found.sort_by_key(|backup| backup["ctime"].as_i64());
    found
}

fn guests_of(backups: &[Value]) -> Vec<u64> {
    backups.iter().filter_map(|backup| backup["vmid"].as_u64()).collect()
}

/// How vzdump's tasks ended, with their nodes, in the order in which they began.
fn runs(bench: &Bench) -> Vec<(String, String)> {
    let tasks = bench.lab.tasks.list.iter().filter(|task| task.upid.kind == "vzdump");
    tasks.map(|task| (task.upid.node.clone(), task.exit.clone().unwrap_or_default())).collect()
}

fn write(bench: &mut Bench, vmid: u32, slot: &str, contents: &str) {
    let drive = bench.lab.vms[&vmid].drives().find(|(found, _)| *found == slot).map(|(_, drive)| drive.file);
    let id = drive.and_then(|file| sims::pve::content::naming::VolumeId::parse(&file)).expect("a volume");
    let node = bench.lab.vms[&vmid].node.clone();
    bench.lab.volume_mut(&node, &id).expect("the volume exists").contents = contents.to_owned();
}

fn contents(bench: &Bench, vmid: u32, slot: &str) -> String {
    let drive = bench.lab.vms[&vmid].drives().find(|(found, _)| *found == slot).map(|(_, drive)| drive.file);
    let id = drive.and_then(|file| sims::pve::content::naming::VolumeId::parse(&file)).expect("a volume");
    bench.lab.volume(&bench.lab.vms[&vmid].node, &id).expect("the volume exists").contents.clone()
}

#[test]
fn a_job_backs_up_the_guests_of_its_pool_on_every_node_when_it_is_due() {
    let mut bench = Bench::new("lab");
    guest(&mut bench, "pve1", 100, "");
    guest(&mut bench, "pve2", 101, "");
    guest(&mut bench, "pve1", 102, "");
    bench.ok("POST", "/pools", "poolid=p");
    bench.ok("PUT", "/pools", "poolid=p&vms=100,101");
    job(
        &mut bench,
        "id=job&schedule=21:00 UTC&storage=shared&pool=p&compress=zstd&prune-backups=keep-last=2\
         &notes-template={{guestname}} on {{node}} of {{cluster}}\\nby {{vmid}}",
    );
    bench.lab.advance(DAY);
    let found = backups(&mut bench, "shared");
    let mut guests = guests_of(&found);
    guests.sort_unstable();
    assert_eq!(guests, [100, 101]);
    assert_eq!(found[0]["format"], "vma.zst");
    assert_eq!(found[0]["subtype"], "qemu");
    assert_eq!(found[0]["notes"], "g100 on pve1 of homelab\nby 100");
    let began = found[0]["ctime"].as_i64().expect("a time");
    assert_eq!(began.rem_euclid(DAY), 21 * 3600 + 30, "it began when it was due: {found:?}");
    let name = found[0]["volid"].as_str().unwrap_or_default();
    assert!(
        name.starts_with("shared:backup/vzdump-qemu-100-20") && name.ends_with("-21_00_30.vma.zst"),
        "{name}"
    );
    bench.lab.advance(3 * DAY);
    assert_eq!(backups(&mut bench, "shared").len(), 4, "two of each are kept");
    let ends = runs(&bench);
    assert_eq!(ends.len(), 8, "a task on each node with a guest, four times: {ends:?}");
    assert!(ends.iter().all(|(node, exit)| exit == "OK" && node != "pve3"), "{ends:?}");
}

#[test]
fn a_disk_that_is_left_out_is_in_the_log_but_not_in_the_archive() {
    let mut bench = Bench::new("lab");
    guest(&mut bench, "pve1", 100, "&ide2=none,media=cdrom");
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "vmid=100&storage=shared"), "OK");
    let log = bench.log();
    assert!(
        log.iter()
            .any(|line| line.starts_with("INFO: exclude disk 'scsi1'") && line.ends_with("(backup=no)"))
    );
    let backup = backups(&mut bench, "shared")[0]["volid"].as_str().unwrap_or_default().to_owned();
    let text = bench.ok("GET", "/nodes/pve1/vzdump/extractconfig", &format!("volume={backup}"));
    let text = text.as_str().unwrap_or_default();
    assert!(
        text.contains("name: g100\n") && text.contains("#qmdump#map:scsi0:drive-scsi0:shared:raw:"),
        "{text}"
    );
    assert!(!text.contains("map:scsi1") && !text.contains("lock:"), "{text}");
}

#[test]
fn guests_are_chosen_by_list_or_all_but_some_and_a_lost_one_is_an_error() {
    let mut bench = Bench::new("lab");
    for vmid in [100, 101, 102] {
        guest(&mut bench, "pve1", vmid, "");
    }
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "exclude=101&storage=shared"), "OK");
    assert_eq!(guests_of(&backups(&mut bench, "shared")), [100, 102]);
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "vmid=101,999&storage=shared"), "job errors");
    let log = bench.log();
    assert!(log.contains(&"ERROR: Backup of VM 999 failed - unable to find VM '999'".to_owned()), "{log:?}");
    assert_eq!(guests_of(&backups(&mut bench, "shared")).len(), 3);
    assert_eq!(bench.ok("POST", "/nodes/pve2/vzdump", "vmid=100&storage=shared"), "OK", "it lives elsewhere");
    let refused = bench.refused("POST", "/nodes/pve1/vzdump", "storage=shared");
    assert_eq!(refused, "vmid: property is missing\n");
}

#[test]
fn a_storage_that_takes_no_backups_is_down_or_full_fails_the_job_visibly() {
    let mut bench = Bench::new("lab");
    guest(&mut bench, "pve1", 100, "");
    let end = bench.task("POST", "/nodes/pve1/vzdump", "vmid=100&storage=local-lvm");
    assert_eq!(
        end,
        "could not get storage information for 'local-lvm': can't use storage 'local-lvm' for backups - wrong \
         content type"
    );
    let end = bench.task("POST", "/nodes/pve1/vzdump", "vmid=100&storage=nope");
    assert_eq!(end, "could not get storage information for 'nope': storage 'nope' does not exist");
    bench.lab.storage_sizes.insert("shared".to_owned(), 1 << 19);
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "vmid=100&storage=shared"), "job errors");
    assert!(bench.log().iter().any(|line| line.contains("No space left on device")));
    bench.lab.vms.get_mut(&100).expect("it exists").set("lock", "clone");
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "vmid=100&storage=local"), "job errors");
    assert!(bench.log().contains(&"ERROR: Backup of VM 100 failed - VM is locked (clone)".to_owned()));
    assert!(backups(&mut bench, "shared").is_empty() && backups(&mut bench, "local").is_empty());
}

#[test]
fn a_protected_backup_survives_pruning_and_every_rule_is_shown() {
    let mut bench = Bench::new("lab");
    guest(&mut bench, "pve1", 100, "");
    job(&mut bench, "id=job&schedule=21:00 UTC&storage=shared&vmid=100&prune-backups=keep-all=1");
    bench.lab.advance(5 * DAY);
    let first = backups(&mut bench, "shared")[0]["volid"].as_str().unwrap_or_default().to_owned();
    let path = format!("/nodes/pve1/storage/shared/content/{first}");
    bench.ok("PUT", &path, "protected=1");
    let preview = "/nodes/pve1/storage/shared/prunebackups";
    let marks = bench.ok("GET", preview, "prune-backups=keep-last=2");
    let marks: Vec<&str> =
        marks.as_array().into_iter().flatten().filter_map(|m| m["mark"].as_str()).collect();
    assert_eq!(marks, ["keep", "keep", "remove", "remove", "protected"]);
    assert_eq!(bench.task("DELETE", preview, "prune-backups=keep-last=2&vmid=100"), "OK");
    assert_eq!(backups(&mut bench, "shared").len(), 3);
    assert!(bench.refused("DELETE", &path, "").contains("can't remove protected volume"));
}

#[test]
fn what_a_node_misses_while_it_is_down_runs_when_it_is_back_only_if_the_job_says_so() {
    let mut bench = Bench::new("lab");
    guest(&mut bench, "pve2", 100, "");
    job(&mut bench, "id=once&schedule=20:00 UTC&storage=shared&vmid=100");
    job(&mut bench, "id=again&schedule=21:00 UTC&storage=shared&vmid=100&repeat-missed=1");
    bench.lab.nodes.get_mut("pve2").expect("a node").offline = true;
    bench.lab.advance(2 * DAY);
    // Whoever lists an orphan would fail visibly, but this guest still exists.
    assert_eq!(runs(&bench), []);
    bench.lab.nodes.get_mut("pve2").expect("a node").offline = false;
    bench.lab.advance(1);
    assert_eq!(runs(&bench), [("pve2".to_owned(), "OK".to_owned())], "one run makes up for all");
    assert_eq!(backups(&mut bench, "shared").len(), 1);
}

#[test]
fn a_disabled_job_rests_and_a_changed_schedule_counts_from_the_change() {
    let mut bench = Bench::new("lab");
    guest(&mut bench, "pve1", 100, "");
    job(&mut bench, "id=job&schedule=21:00 UTC&storage=shared&vmid=100&enabled=0");
    bench.lab.advance(2 * DAY);
    bench.ok("PUT", "/cluster/backup/job", "enabled=1");
    bench.lab.advance(60);
    assert_eq!(runs(&bench), [], "what was due before is not made up for");
    bench.lab.advance(DAY);
    assert_eq!(runs(&bench).len(), 1);
}

#[test]
fn a_disk_that_another_guest_writes_comes_out_torn_and_that_is_remembered() {
    let mut bench = Bench::new("lab");
    guest(&mut bench, "pve1", 100, "");
    let volume = bench.lab.vms[&100].drives().next().map(|(_, drive)| drive.file).expect("a disk");
    guest(&mut bench, "pve1", 101, &format!("&scsi2={volume}"));
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu/101/status/start", ""), "OK");
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "vmid=101&storage=shared"), "OK");
    assert!(bench.lab.torn_backups.is_empty(), "the only writer is backed up whole");
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "vmid=100&storage=shared"), "OK");
    let torn: Vec<&String> = bench.lab.torn_backups.iter().collect();
    assert!(torn.len() == 1 && torn[0].contains(&format!("{volume} is written by VM 101")), "{torn:?}");
}

#[test]
fn a_restore_brings_the_contents_and_the_configuration_of_that_time() {
    let mut bench = Bench::new("lab");
    guest(&mut bench, "pve1", 100, "&net0=virtio,bridge=vmbr0");
    write(&mut bench, 100, "scsi0", "monday");
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "vmid=100&storage=shared"), "OK");
    let backup = backups(&mut bench, "shared")[0]["volid"].as_str().unwrap_or_default().to_owned();
    let network = bench.option(100, "net0").map(str::to_owned);
    write(&mut bench, 100, "scsi0", "tuesday");
    write(&mut bench, 100, "scsi1", "left out");
    bench.ok("PUT", "/nodes/pve1/qemu/100/config", "memory=4096");
    let form = format!("vmid=100&archive={backup}");
    let refused = bench.refused("POST", "/nodes/pve1/qemu", &form);
    assert_eq!(refused, "unable to restore VM 100 - VM 100 already exists on node 'pve1'\n");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", &format!("{form}&force=1")), "OK");
    assert_eq!(contents(&bench, 100, "scsi0"), "monday");
    assert_eq!((bench.option(100, "memory"), bench.option(100, "lock")), (None, None));
    assert_eq!(bench.option(100, "net0"), network.as_deref());
    let kept = bench.option(100, "unused0").unwrap_or_default().to_owned();
    assert!(bench.volumes("pve1", "shared").contains(&kept), "the disk that was left out is kept: {kept}");
    assert!(bench.option(100, "description").unwrap_or_default().starts_with("scsi1: shared:"));

    let form = format!("vmid=200&archive={backup}&unique=1&storage=local-lvm&name=copy");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", &form), "OK");
    assert_eq!(contents(&bench, 200, "scsi0"), "monday");
    assert_eq!(bench.option(200, "name"), Some("copy"));
    assert!(bench.option(200, "scsi0").unwrap_or_default().starts_with("local-lvm:vm-200-disk-0"));
    assert_ne!(bench.option(200, "net0"), network.as_deref());
}

#[test]
fn a_restore_leaves_volumes_alone_that_others_own() {
    let mut bench = Bench::new("lab");
    guest(&mut bench, "pve1", 900, "");
    let volume = bench.lab.vms[&900].drives().next().map(|(_, drive)| drive.file).expect("a disk");
    guest(&mut bench, "pve1", 100, &format!("&scsi2={volume}"));
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "vmid=100&storage=shared"), "OK");
    let backup = backups(&mut bench, "shared")[0]["volid"].as_str().unwrap_or_default().to_owned();
    let form = format!("vmid=100&archive={backup}&force=1");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", &form), "OK");
    assert!(bench.volumes("pve1", "shared").contains(&volume), "it is still there");
    let restored = bench.option(100, "scsi2").unwrap_or_default();
    assert!(restored.starts_with("shared:100/"), "the restored disk is a copy of the VM's own: {restored}");
    bench.ok("PUT", "/nodes/pve1/qemu/100/config", "protection=1");
    assert!(bench.refused("POST", "/nodes/pve1/qemu", &form).contains("protection mode enabled"));
}

#[test]
fn a_backup_server_takes_backups_under_its_own_names() {
    let mut bench = Bench::new("lab");
    guest(&mut bench, "pve1", 100, "");
    bench.lab.storage_servers.insert("192.0.2.20".to_owned());
    bench.ok(
        "POST",
        "/storage",
        "storage=pbs1&type=pbs&server=192.0.2.20&datastore=tank&username=root@pam&password=x",
    );
    job(&mut bench, "id=job&schedule=21:00 UTC&storage=pbs1&vmid=100&prune-backups=keep-last=1");
    bench.lab.advance(2 * DAY);
    let found = backups(&mut bench, "pbs1");
    assert_eq!(found.len(), 1);
    let name = found[0]["volid"].as_str().unwrap_or_default();
    assert!(name.starts_with("pbs1:backup/vm/100/20") && name.ends_with("T21:00:30Z"), "{name}");
    assert_eq!((&found[0]["format"], &found[0]["vmid"]), (&json!("pbs-vm"), &json!(100)));
    let form = format!("vmid=101&archive={name}");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", &form), "OK");
}

#[test]
fn defaults_tell_what_the_storage_keeps() {
    let mut bench = Bench::new("lab");
    let shown = bench.ok("GET", "/nodes/pve1/vzdump/defaults", "");
    assert_eq!((&shown["mode"], &shown["prune-backups"]), (&json!("snapshot"), &json!("keep-all=1")));
    bench.ok("PUT", "/storage/shared", "prune-backups=keep-last=3");
    let shown = bench.ok("GET", "/nodes/pve1/vzdump/defaults", "storage=shared");
    assert_eq!(shown["prune-backups"], "keep-last=3");
    assert_eq!(shown["lockwait"], 180);
}
