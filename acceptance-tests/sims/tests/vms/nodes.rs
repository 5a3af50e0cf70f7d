//! What an operator looks at on nodes: hardware, what QEMU can play, services, volume groups, the firewall.

use serde_json::{Value, json};

use super::bench::Bench;

fn names(list: &Value, key: &str) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| item[key].as_str()).map(str::to_owned).collect()
}

#[test]
fn a_node_has_the_hardware_that_mappings_name_if_the_lab_has_hardware() {
    for (profile, expected) in [("lab", vec!["0000:01:00.0", "0000:01:00.1"]), ("empty", vec![])] {
        let mut bench = Bench::new(profile);
        let map = "id=10de:1234,iommugroup=3,node=pve1,path=0000:01:00.0;0000:01:00.1,subsystem-id=1043:5678";
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("id", "gpu")
            .append_pair("map", map)
            .finish();
        bench.ok("POST", "/cluster/mapping/pci", &form);
        let found = bench.ok("GET", "/nodes/pve1/hardware/pci", "");
        assert_eq!(names(&found, "id"), expected, "{profile}");
        if profile == "lab" {
            let device = &found[0];
            assert_eq!((&device["vendor"], &device["device"]), (&json!("0x10de"), &json!("0x1234")));
            assert_eq!((&device["iommugroup"], &device["subsystem_vendor"]), (&json!(3), &json!("0x1043")));
            assert_eq!(bench.ok("GET", "/nodes/pve2/hardware/pci", ""), json!([]));
        }
    }
}

#[test]
fn models_of_the_cluster_are_among_those_that_a_node_can_play() {
    let mut bench = Bench::new("lab");
    bench.ok("POST", "/cluster/qemu/custom-cpu-models", "cputype=custom-fast&reported-model=EPYC");
    let models = bench.ok("GET", "/nodes/pve1/capabilities/qemu/cpu", "");
    let found = |name: &str| {
        let mut models = models.as_array().into_iter().flatten();
        models.find(|model| model["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(found("custom-fast"), json!({"name": "custom-fast", "vendor": "AuthenticAMD", "custom": 1}));
    assert_eq!(found("host"), json!({"name": "host", "vendor": "default", "custom": 0}));
    assert_eq!(found("Skylake-Server")["vendor"], "GenuineIntel");
    let machines = names(&bench.ok("GET", "/nodes/pve1/capabilities/qemu/machines", ""), "id");
    assert!(machines.contains(&"pc-q35-10.0+pve1".to_owned()), "{machines:?}");
}

#[test]
fn services_run_and_corosync_only_in_a_cluster() {
    for (profile, expected, members) in [("lab", "running", 3), ("empty", "dead", 0)] {
        let mut bench = Bench::new(profile);
        assert_eq!(bench.ok("GET", "/nodes/pve1/services/corosync/state", "")["state"], expected);
        assert_eq!(bench.ok("GET", "/nodes/pve1/services/pveproxy/state", "")["state"], "running");
        let nodes = bench.ok("GET", "/cluster/config/nodes", "");
        assert_eq!(nodes.as_array().map(Vec::len), Some(members), "{profile}");
    }
}

#[test]
fn volume_groups_thin_pools_and_zfs_pools_are_found_by_scans() {
    let mut bench = Bench::new("lab");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=100&scsi0=local-lvm:4");
    assert_eq!(bench.ok("GET", "/nodes/pve1/scan/lvm", ""), json!([{"vg": "pve"}]));
    assert_eq!(bench.ok("GET", "/nodes/pve1/scan/lvmthin", "vg=pve"), json!([{"lv": "data"}]));
    assert!(bench.refused("GET", "/nodes/pve1/scan/lvmthin", "vg=nope").contains("nope"));
    let groups = bench.ok("GET", "/nodes/pve1/disks/lvm", "");
    assert_eq!(groups["children"][0]["name"], "pve");
    assert_eq!(names(&bench.ok("GET", "/nodes/pve1/disks/lvmthin", ""), "lv"), ["data"]);
    bench.task("POST", "/nodes/pve1/disks/zfs", "name=tank&raidlevel=single&devices=/dev/sdb");
    assert_eq!(bench.ok("GET", "/nodes/pve1/scan/zfs", ""), json!([{"pool": "tank"}]));
}

#[test]
fn a_node_has_a_firewall_of_its_own() {
    let mut bench = Bench::new("lab");
    bench.ok("PUT", "/nodes/pve1/firewall/options", "enable=1&log_level_in=info");
    bench.ok("POST", "/nodes/pve1/firewall/rules", "type=in&action=ACCEPT&macro=SSH&enable=1");
    let options = bench.ok("GET", "/nodes/pve1/firewall/options", "");
    assert_eq!((&options["enable"], &options["log_level_in"]), (&json!(1), &json!("info")));
    let rules = bench.ok("GET", "/nodes/pve1/firewall/rules", "");
    assert_eq!((&rules[0]["macro"], &rules[0]["pos"]), (&json!("SSH"), &json!(0)));
    for other in ["/nodes/pve2/firewall/rules", "/cluster/firewall/rules"] {
        assert_eq!(bench.ok("GET", other, ""), json!([]), "{other}");
    }
    bench.ok("DELETE", "/nodes/pve1/firewall/rules/0", "");
    assert_eq!(bench.ok("GET", "/nodes/pve1/firewall/rules", ""), json!([]));
}

#[test]
fn an_interface_keeps_what_a_change_does_not_name() {
    let mut bench = Bench::new("lab");
    let path = "/nodes/pve1/network/vmbr7";
    bench.ok(
        "POST",
        "/nodes/pve1/network",
        "iface=vmbr7&type=bridge&autostart=1&bridge_ports=eno2&bridge_vlan_aware=1&cidr=198.51.100.1/24",
    );
    bench.ok("PUT", path, "type=bridge&comments=c&mtu=1400");
    let found = bench.ok("GET", path, "");
    assert_eq!((&found["autostart"], &found["bridge_ports"]), (&json!(1), &json!("eno2")));
    assert_eq!((&found["cidr"], &found["bridge_vlan_aware"]), (&json!("198.51.100.1/24"), &json!(1)));
    bench.ok("PUT", path, "type=bridge&autostart=0&bridge_vlan_aware=0&delete=cidr");
    let found = bench.ok("GET", path, "");
    for gone in ["autostart", "bridge_vlan_aware", "bridge_vids", "cidr", "address"] {
        assert!(found[gone].is_null(), "{gone} of {found}");
    }
    assert_eq!(found["bridge_ports"], "eno2");
}

#[test]
fn a_pool_needs_as_many_free_disks_as_its_level() {
    let mut bench = Bench::new("lab");
    let mut refused =
        |form: &str| bench.refused("POST", "/nodes/pve1/disks/zfs", &format!("name=tank&{form}"));
    for (form, words) in [
        ("raidlevel=raidz&devices=/dev/sdb,/dev/sdc", "raidz needs at least 3 disks\n"),
        ("raidlevel=raid10&devices=/dev/sdb,/dev/sdc,/dev/sdd", "raid10 needs an even number of disks\n"),
        ("raidlevel=single&devices=/dev/sdb,/dev/sdc", "please give only one disk for single disk mode\n"),
        ("raidlevel=single&devices=/dev/sda", "device '/dev/sda' is already in use\n"),
    ] {
        assert_eq!(refused(form), words, "{form}");
    }
    assert_eq!(
        bench.task(
            "POST",
            "/nodes/pve1/disks/zfs",
            "name=tank&raidlevel=raidz&devices=/dev/sdb,/dev/sdc,/dev/sdd"
        ),
        "OK"
    );
}

#[test]
fn an_interface_is_staged_until_it_is_applied_or_taken_back() {
    let mut bench = Bench::new("lab");
    let path = "/nodes/pve1/network";
    let made = "iface=vmbr7&type=bridge&autostart=1";
    bench.ok("POST", path, made);
    let staged = bench.call("GET", path, "").expect("it is listed");
    assert!(staged.beside["changes"].as_str().unwrap_or_default().contains("+iface vmbr7"));
    assert!(names(&staged.data, "iface").contains(&"vmbr7".to_owned()));
    assert!(!bench.lab.nodes["pve1"].interfaces.contains_key("vmbr7"), "it is not there yet");
    bench.ok("DELETE", path, "");
    let reverted = bench.call("GET", path, "").expect("it is listed");
    assert!(reverted.beside.is_empty() && !names(&reverted.data, "iface").contains(&"vmbr7".to_owned()));
    bench.ok("POST", path, made);
    assert_eq!(bench.task("PUT", path, ""), "OK");
    let applied = bench.call("GET", path, "").expect("it is listed");
    assert!(applied.beside.is_empty());
    assert_eq!(bench.ok("GET", &format!("{path}/vmbr7"), "")["active"], 1);
    assert!(!bench.lab.nodes["pve2"].interfaces.contains_key("vmbr7"), "other nodes keep theirs");
}
