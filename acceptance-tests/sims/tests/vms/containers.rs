//! Containers as lists, pools, storages and backups see them.

use serde_json::{Value, json};

use super::bench::Bench;

const TEMPLATE: &str = "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst";

/// A lab with a template of containers.
fn bench() -> Bench {
    let mut bench = Bench::new("lab");
    bench.lab.place_file(TEMPLATE, 120 << 20, 120 << 20);
    bench
}

fn make(bench: &mut Bench, node: &str, vmid: u32, more: &str) -> String {
    let form = format!("vmid={vmid}&ostemplate={TEMPLATE}&hostname=ct{vmid}&storage=local-lvm{more}");
    bench.task("POST", &format!("/nodes/{node}/lxc"), &form)
}

#[test]
fn a_container_has_volumes_an_address_and_its_system() {
    let mut bench = bench();
    let more = "&rootfs=local-lvm:8&mp0=local-lvm:1,mp=/data,backup=1&net0=name=eth0,bridge=vmbr0,ip=dhcp";
    assert_eq!(make(&mut bench, "pve1", 300, more), "OK");
    let config = bench.ok("GET", "/nodes/pve1/lxc/300/config", "");
    assert_eq!(config["rootfs"], "local-lvm:vm-300-disk-0,size=8G");
    assert_eq!(config["mp0"], "local-lvm:vm-300-disk-1,backup=1,mp=/data,size=1G");
    assert_eq!((&config["ostype"], &config["memory"]), (&json!("debian"), &json!(512)));
    let net = config["net0"].as_str().unwrap_or_default();
    assert!(net.starts_with("name=eth0,bridge=vmbr0,hwaddr=BC:24:11:"), "{net}");
    let content = bench.ok("GET", "/nodes/pve1/storage/local-lvm/content", "content=rootdir");
    assert_eq!(content.as_array().map(Vec::len), Some(2), "{content}");
    assert_eq!(bench.ok("GET", "/cluster/nextid", ""), "100");
    assert_eq!(bench.refused("GET", "/cluster/nextid", "vmid=300"), "vmid: VM 300 already exists\n");
}

#[test]
fn what_no_container_can_be_made_of_is_refused_and_leaves_nothing() {
    let mut bench = bench();
    let refused = |bench: &mut Bench, form: &str| bench.refused("POST", "/nodes/pve1/lxc", form);
    let missing = "local:vztmpl/nope.tar.zst";
    assert_eq!(
        refused(&mut bench, &format!("vmid=300&ostemplate={missing}&storage=local-lvm")),
        format!("volume '{missing}' does not exist\n")
    );
    assert_eq!(
        refused(&mut bench, &format!("vmid=300&ostemplate={TEMPLATE}&rootfs=local:1")),
        "storage: storage 'local' does not support container directories\n"
    );
    bench.task("POST", "/nodes/pve2/qemu", "vmid=300");
    assert_eq!(
        refused(&mut bench, &format!("vmid=300&ostemplate={TEMPLATE}&storage=local-lvm")),
        "unable to create CT 300 - VM 300 already exists on node 'pve2'\n"
    );
    assert_eq!(make(&mut bench, "pve1", 301, ""), "OK");
    assert_eq!(
        bench.refused("POST", "/nodes/pve1/qemu", "vmid=301"),
        "unable to create VM 301 - CT 301 already exists on node 'pve1'\n"
    );
    assert!(bench.refused("POST", "/nodes/pve2/qemu/300/clone", "newid=301").contains("already exists"));
    assert_eq!(bench.volumes("pve1", "local-lvm"), ["local-lvm:vm-301-disk-0"]);
}

#[test]
fn a_container_is_in_lists_and_in_its_pool_until_it_goes() {
    let mut bench = bench();
    bench.ok("POST", "/pools", "poolid=p");
    assert_eq!(make(&mut bench, "pve2", 300, "&pool=p&tags=Web;db&cores=2&start=1"), "OK");
    let resources = bench.ok("GET", "/cluster/resources", "type=vm");
    let entry = &resources[0];
    for (key, value) in [
        ("id", json!("lxc/300")),
        ("type", json!("lxc")),
        ("name", json!("ct300")),
        ("node", json!("pve2")),
        ("pool", json!("p")),
        ("status", json!("running")),
        ("tags", json!("db;web")),
        ("maxcpu", json!(2)),
        ("maxdisk", json!(4_u64 << 30)),
    ] {
        assert_eq!(entry[key], value, "{key} of {entry}");
    }
    assert_eq!(bench.ok("GET", "/pools/p", "")["members"][0]["id"], "lxc/300");
    assert_eq!(bench.ok("GET", "/nodes/pve2/lxc", "")[0]["name"], "ct300");
    assert_eq!(bench.ok("GET", "/nodes/pve1/lxc", ""), json!([]));
    assert_eq!(
        bench.refused("DELETE", "/nodes/pve2/lxc/300", ""),
        "unable to destroy CT 300 - container is running\n"
    );
    assert_eq!(bench.task("POST", "/nodes/pve2/lxc/300/status/stop", ""), "OK");
    assert_eq!(bench.refused("POST", "/nodes/pve2/lxc/300/status/stop", ""), "CT 300 not running\n");
    assert!(bench.refused("DELETE", "/pools/p", "").contains("contains VM 300"));
    assert_eq!(bench.task("DELETE", "/nodes/pve2/lxc/300", "purge=1"), "OK");
    assert_eq!(bench.log(), ["purging CT 300 from related configurations..", "TASK OK"]);
    assert_eq!(bench.ok("GET", "/pools/p", "")["members"], json!([]));
    assert!(bench.volumes("pve2", "local-lvm").is_empty());
    assert_eq!(
        bench.refused("GET", "/nodes/pve2/lxc/300/config", ""),
        "Configuration file 'nodes/pve2/lxc/300.conf' does not exist\n"
    );
}

#[test]
fn a_mount_point_that_is_taken_out_stays_as_an_unused_volume() {
    let mut bench = bench();
    assert_eq!(make(&mut bench, "pve1", 300, ""), "OK");
    bench.ok("PUT", "/nodes/pve1/lxc/300/config", "mp0=local-lvm:2,mp=/data");
    let config = bench.ok("GET", "/nodes/pve1/lxc/300/config", "");
    assert_eq!(config["mp0"], "local-lvm:vm-300-disk-1,mp=/data,size=2G");
    assert_eq!(
        bench.refused("PUT", "/nodes/pve1/lxc/300/config", &format!("memory=64&digest={}", "0".repeat(40))),
        "detected modified configuration - file changed by other user? Try again.\n"
    );
    bench.ok("PUT", "/nodes/pve1/lxc/300/config", "delete=mp0");
    let config = bench.ok("GET", "/nodes/pve1/lxc/300/config", "");
    assert_eq!((&config["unused0"], &config["mp0"]), (&json!("local-lvm:vm-300-disk-1"), &Value::Null));
    assert_eq!(
        bench.refused("PUT", "/nodes/pve1/lxc/300/config", "delete=rootfs"),
        "unable to delete required option 'rootfs'\n"
    );
    assert_eq!(bench.task("DELETE", "/nodes/pve1/lxc/300", ""), "OK");
    assert!(bench.volumes("pve1", "local-lvm").is_empty());
}

#[test]
fn a_job_of_a_pool_backs_up_its_containers_too() {
    let mut bench = bench();
    bench.ok("POST", "/pools", "poolid=p");
    let more = "&pool=p&mp0=local-lvm:1,mp=/cache&mp1=local-lvm:1,mp=/db,backup=1";
    assert_eq!(make(&mut bench, "pve1", 300, more), "OK");
    assert_eq!(make(&mut bench, "pve1", 301, ""), "OK");
    bench.ok("POST", "/cluster/backup", "id=job&schedule=daily&storage=shared&pool=p&compress=zstd");
    let included = bench.ok("GET", "/cluster/backup/job/included_volumes", "");
    let guest = &included["children"][0];
    assert_eq!((&guest["id"], &guest["type"]), (&json!(300), &json!("lxc")));
    let told: Vec<(&str, i64, &str)> = guest["children"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|volume| {
            let text = |key: &str| volume[key].as_str().unwrap_or_default();
            (text("id"), volume["included"].as_i64().unwrap_or(-1), text("reason"))
        })
        .collect();
    assert_eq!(told, [("300:rootfs", 1, "rootfs"), ("300:mp0", 0, "disabled"), ("300:mp1", 1, "enabled")]);
    let left = bench.ok("GET", "/cluster/backup-info/not-backed-up", "");
    assert_eq!(left, json!([{"vmid": 301, "name": "ct301", "type": "lxc"}]));
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "pool=p&storage=shared&compress=zstd"), "OK");
    let backups = bench.ok("GET", "/nodes/pve1/storage/shared/content", "content=backup");
    let backup = &backups[0];
    let volume = backup["volid"].as_str().unwrap_or_default();
    assert!(volume.starts_with("shared:backup/vzdump-lxc-300-") && volume.ends_with(".tar.zst"), "{backup}");
    assert_eq!((&backup["subtype"], &backup["vmid"]), (&json!("lxc"), &json!(300)));
    let id = sims::pve::content::naming::VolumeId::parse(volume).expect("a volume id");
    let archive = bench.lab.archive("pve1", &id).expect("the backup holds something");
    assert_eq!(archive.disks.keys().collect::<Vec<_>>(), ["mp1", "rootfs"]);
    assert_eq!(bench.lab.containers[&300].get("lock"), None);
}

fn backup(bench: &mut Bench) -> String {
    assert_eq!(bench.task("POST", "/nodes/pve1/vzdump", "vmid=300&storage=shared&compress=zstd"), "OK");
    let backups = bench.ok("GET", "/nodes/pve1/storage/shared/content", "content=backup");
    backups[0]["volid"].as_str().expect("a backup").to_owned()
}

fn volume(bench: &Bench, vmid: u32, key: &str) -> sims::pve::content::naming::VolumeId {
    let mount =
        bench.lab.containers[&vmid].mounts().find(|(found, _)| *found == key).expect("it is mounted").1;
    sims::pve::content::naming::VolumeId::parse(&mount.source).expect("a volume id")
}

fn contents(bench: &Bench, vmid: u32, key: &str) -> String {
    bench.lab.volume("pve1", &volume(bench, vmid, key)).expect("the volume exists").contents.clone()
}

#[test]
fn a_container_comes_back_from_its_backup_with_what_was_on_it() {
    let mut bench = bench();
    let more = "&rootfs=local-lvm:8&mp0=local-lvm:1,mp=/db,backup=1&mp1=local-lvm:2,mp=/cache\
                &net0=name=eth0,bridge=vmbr0&pool=p";
    bench.ok("POST", "/pools", "poolid=p");
    assert_eq!(make(&mut bench, "pve1", 300, more), "OK");
    for (key, text) in [("rootfs", "system"), ("mp0", "monday"), ("mp1", "scratch")] {
        let id = volume(&bench, 300, key);
        bench.lab.volume_mut("pve1", &id).expect("the volume exists").contents = text.to_owned();
    }
    let archive = backup(&mut bench);
    let form = format!("vmid=301&restore=1&unique=1&ostemplate={archive}&hostname=copy&pool=p");
    assert_eq!(bench.task("POST", "/nodes/pve1/lxc", &form), "OK");
    let copy = bench.ok("GET", "/nodes/pve1/lxc/301/config", "");
    assert_eq!(copy["rootfs"], "local-lvm:vm-301-disk-0,size=8G");
    assert_eq!(copy["mp1"], "local-lvm:vm-301-disk-2,mp=/cache,size=2G");
    assert_eq!((&copy["hostname"], &copy["lock"]), (&json!("copy"), &Value::Null));
    let found = ["rootfs", "mp0", "mp1"].map(|key| contents(&bench, 301, key));
    assert_eq!(found, ["system", "monday", ""], "what stays out of backups comes back empty");
    let original = bench.ok("GET", "/nodes/pve1/lxc/300/config", "");
    assert_ne!(copy["net0"], original["net0"], "it has an address of its own");
    assert_eq!(bench.ok("GET", "/pools/p", "")["members"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_restore_replaces_a_container_only_when_told_and_leaves_it_when_it_fails() {
    let mut bench = bench();
    assert_eq!(make(&mut bench, "pve1", 300, ""), "OK");
    let archive = backup(&mut bench);
    let id = volume(&bench, 300, "rootfs");
    bench.lab.volume_mut("pve1", &id).expect("the volume exists").contents = "later".to_owned();
    let form = format!("vmid=300&restore=1&ostemplate={archive}");
    assert_eq!(
        bench.refused("POST", "/nodes/pve1/lxc", &form),
        "unable to restore CT 300 - CT 300 already exists on node 'pve1'\n"
    );
    let elsewhere = format!("{form}&force=1&storage=nowhere");
    let failed = bench.task("POST", "/nodes/pve1/lxc", &elsewhere);
    assert_eq!(failed, "unable to restore CT 300 - storage 'nowhere' does not exist");
    assert_eq!(contents(&bench, 300, "rootfs"), "later");
    assert_eq!(bench.lab.containers[&300].get("lock"), None);
    assert_eq!(bench.task("POST", "/nodes/pve1/lxc", &format!("{form}&force=1")), "OK");
    assert_eq!(contents(&bench, 300, "rootfs"), "");
    assert_eq!(bench.volumes("pve1", "local-lvm").len(), 1, "the old volume went");
}

#[test]
fn a_container_has_a_firewall_of_its_own_that_goes_with_it() {
    let mut bench = bench();
    assert_eq!(make(&mut bench, "pve1", 300, ""), "OK");
    let path = "/nodes/pve1/lxc/300/firewall";
    bench.ok("POST", &format!("{path}/rules"), "type=in&action=ACCEPT&macro=SSH&enable=1");
    bench.ok("PUT", &format!("{path}/options"), "enable=1");
    assert_eq!(bench.ok("GET", &format!("{path}/rules"), "")[0]["macro"], "SSH");
    assert_eq!(bench.ok("GET", &format!("{path}/log"), "")[0]["t"], "no content");
    assert!(bench.refused("GET", "/nodes/pve1/qemu/300/firewall/rules", "").contains("qemu-server/300.conf"));
    assert_eq!(bench.task("DELETE", "/nodes/pve1/lxc/300", ""), "OK");
    assert_eq!(make(&mut bench, "pve1", 300, ""), "OK");
    assert_eq!(bench.ok("GET", &format!("{path}/rules"), ""), json!([]));
}
