//! `homelab_pve_vm`, from creation to nothing left, with every CLI: each argument is changed in turn.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const ADDRESS: &str = "homelab_pve_vm.this";

fn vm(body: &str) -> String {
    format!("resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  vm_id = 4711\n  {body}\n}}\n")
}

/// Applies each step on top of nothing but the one before, and wants the plan after each to be empty.
fn walk(lab: &Lab, workspace: &Workspace, steps: &[(&str, &str)]) {
    for (step, body) in steps {
        workspace.configure(&lab.provider_block(), &vm(body));
        let run = workspace.apply();
        assert_eq!(run.code, Some(0), "{step}: {}", run.text);
        let again = workspace.plan();
        assert_eq!(again.code, Some(0), "the plan after {step:?} is not empty:\n{}", again.text);
    }
}

/// Imports what the state has just forgotten, wants an empty plan, and leaves nothing.
fn import_and_destroy(lab: &Lab, workspace: &Workspace) {
    workspace.forget(ADDRESS).ok();
    workspace.import(ADDRESS, "pve1/4711").ok();
    workspace.plan_is_empty();
    workspace.destroy().ok();
    assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    for storage in ["local-lvm", "shared"] {
        let here = Place { node: "pve1".to_owned(), id: 4711 };
        assert_eq!(lab.volumes(&here, storage), Vec::<String>::new());
    }
}

#[test]
fn a_stopped_vm_changes_every_setting_and_leaves_nothing() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        walk(
            &lab,
            &workspace,
            &[
                ("creation", "started = false"),
                ("name", "started = false\n  name = \"web\""),
                ("another name", "started = false\n  name = \"web-2.example.com\""),
                ("description", "started = false\n  description = \"zwei\\n\\nZeilen: % & ü 🏠\""),
                ("no description", "started = false"),
                ("tags", "started = false\n  tags = [\"b\", \"Prod\", \"a\"]"),
                ("other tags", "started = false\n  tags = [\"c\"]"),
                ("no tags", "started = false\n  tags = []"),
                ("start on boot", "started = false\n  start_on_boot = true"),
                ("no start on boot", "started = false\n  start_on_boot = false"),
                ("protection", "started = false\n  protection = true"),
                ("no protection", "started = false\n  protection = false"),
                ("machine and os", "started = false\n  machine = \"q35\"\n  os_type = \"l26\""),
                (
                    "firmware",
                    "started = false\n  bios = \"ovmf\"\n  efi_disk = { storage_name = \"local-lvm\", type = \"4m\", pre_enrolled_keys = true }\n  tpm_state = { storage_name = \"local-lvm\", version = \"v2.0\" }",
                ),
                (
                    "firmware elsewhere",
                    "started = false\n  bios = \"ovmf\"\n  efi_disk = { storage_name = \"shared\", type = \"4m\", pre_enrolled_keys = true }\n  tpm_state = { storage_name = \"shared\", version = \"v2.0\" }",
                ),
                ("hardware", "started = false\n  scsi_hardware = \"virtio-scsi-single\""),
                (
                    "cpu",
                    "started = false\n  cpu = { cores = 2, sockets = 2, type = \"host\", limit = 1.5, units = 200 }",
                ),
                ("less of cpu", "started = false\n  cpu = { cores = 1, type = \"x86-64-v2-AES\" }"),
                ("memory", "started = false\n  memory = { size_mib = 1024, minimum_mib = 0, shares = 500 }"),
                ("less of memory", "started = false\n  memory = { size_mib = 2048 }"),
                (
                    "agent",
                    "started = false\n  agent = { enabled = true, type = \"isa\", trim_after_clone = true, freeze_on_backup = false }",
                ),
                ("less of agent", "started = false\n  agent = { enabled = false }"),
                ("seconds", "started = false\n  shutdown_timeout_seconds = 1\n  reboot_when_needed = false"),
                ("nothing", "started = false"),
            ],
        );
        import_and_destroy(&lab, &workspace);
    });
}

#[test]
#[expect(clippy::too_many_lines, reason = "one list of steps")]
fn devices_come_change_and_go() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let disk = "disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 2 } }";
        let steps: Vec<(&str, String)> = vec![
            ("a disk", disk.to_owned()),
            ("a net", format!("{disk}\n  networks = {{ net0 = {{ bridge = \"vmbr0\" }} }}")),
            (
                "all of a net",
                format!(
                    "{disk}\n  networks = {{ net0 = {{ bridge = \"vmbr1\", model = \"virtio\", mac_address = \"bc:24:11:00:aa:01\", vlan_id = 5, \
                     trunk_vlan_ids = [20, 10], firewall = true, rate_mib_per_second = 12.5, queues = 2, mtu = 1400, connected = false }} }}"
                ),
            ),
            (
                "less of a net",
                format!("{disk}\n  networks = {{ net0 = {{ bridge = \"vmbr0\", mac_address = \"BC:24:11:00:AA:01\" }} }}"),
            ),
            (
                "another net",
                format!("{disk}\n  networks = {{ net0 = {{ bridge = \"vmbr0\" }}, net3 = {{ model = \"e1000\", bridge = \"vmbr1\" }} }}"),
            ),
            ("no net", disk.to_owned()),
            ("an empty tray", format!("{disk}\n  cdroms = {{ ide2 = {{}} }}")),
            (
                "a medium",
                format!("{disk}\n  cdroms = {{ ide2 = {{ volume_id = \"local:iso/debian-13-netinst.iso\" }} }}"),
            ),
            (
                "another drive and an order",
                format!(
                    "{disk}\n  cdroms = {{ sata1 = {{ volume_id = \"local:iso/debian-13-netinst.iso\" }} }}\n  boot_order = [\"scsi0\"]"
                ),
            ),
            (
                "all of a disk",
                "disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 3, discard = true, ssd = true, io_thread = true, \
                 cache = \"writeback\", async_io = \"threads\", backup = false, replicate = false, serial = \"abc\", \
                 limits = { read_mib_per_second = 10.5, read_burst_mib_per_second = 20, read_operations_per_second = 10, read_burst_operations_per_second = 20, write_mib_per_second = 5, write_burst_mib_per_second = 6, write_operations_per_second = 50, write_burst_operations_per_second = 100 } } }"
                    .to_owned(),
            ),
            (
                "less of a disk",
                "disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 3, discard = false, read_only = true, limits = { total_operations_per_second = 50, total_burst_operations_per_second = 60, total_mib_per_second = 7, total_burst_mib_per_second = 8 } } }"
                    .to_owned(),
            ),
            (
                "cloud-init",
                "disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 3 } }\n  cloud_init = { user = \"me\", password = \"one\", \
                 ssh_keys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB me@here\\n\"], \
                 ip_configs = { ipconfig0 = { ipv4_address = \"192.0.2.9/24\", ipv4_gateway = \"192.0.2.1\", ipv6_address = \"auto\" } }, \
                 name_servers = [\"192.0.2.2\", \"192.0.2.3\"], search_domain = \"example.com\", upgrade_packages = false, type = \"nocloud\" }"
                    .to_owned(),
            ),
            (
                "another password",
                "disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 3 } }\n  cloud_init = { user = \"you\", password = \"two\", slot = \"ide0\", \
                 ip_configs = { ipconfig0 = { ipv6_address = \"2001:db8::9/64\", ipv6_gateway = \"2001:db8::1\" } } }"
                    .to_owned(),
            ),
            ("bare cloud-init", "disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 3 } }\n  cloud_init = {}".to_owned()),
        ];
        let steps: Vec<(&str, &str)> = steps.iter().map(|(step, body)| (*step, body.as_str())).collect();
        walk(&lab, &workspace, &steps);
        import_and_destroy(&lab, &workspace);
    });
}

#[test]
fn a_plan_without_changes_writes_nothing_and_asks_twice_per_vm() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let fleet = "resource \"homelab_pve_pool\" \"p\" {\n  name = \"fleet\"\n}\n\
                     resource \"homelab_pve_vm\" \"this\" {\n  count = 10\n  node_name = \"pve${count.index % 3 + 1}\"\n  \
                     name = \"fleet-${count.index}\"\n  pool_name = homelab_pve_pool.p.name\n  started = false\n}\n";
        workspace.configure(&lab.provider_block(), fleet);
        workspace.apply().ok();
        let (writes, calls) = (lab.writes(), lab.calls());
        workspace.plan_is_empty();
        assert_eq!(lab.writes(), writes);
        // Twice per machine, one list of the cluster, and the pool itself.
        let calls = lab.calls_since(calls);
        assert!(calls.len() <= 2 * 10 + 2, "{} calls: {calls:#?}", calls.len());
        assert_eq!(calls.iter().filter(|call| call.ends_with("/cluster/resources")).count(), 1, "{calls:#?}");
        workspace.destroy().ok();
    });
}

#[test]
fn what_nobody_named_survives() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let body = |size: u32| {
            format!(
                "description = \"mine\"\n  disks = {{ scsi0 = {{ storage_name = \"local-lvm\", size_gib = {size} }} }}\n  networks = {{ net0 = {{ bridge = \"vmbr0\" }} }}"
            )
        };
        workspace.configure(&lab.provider_block(), &vm(&body(1)));
        workspace.apply().ok();
        let here = Place { node: "pve1".to_owned(), id: 4711 };
        lab.edit(
            &here,
            &json!({"scsi7": "local-lvm:1", "net5": "virtio,bridge=vmbr1", "numa": 1, "startup": "order=3"}),
        );
        let by_hand = lab.config(&here);
        workspace.plan_is_empty();
        workspace.configure(&lab.provider_block(), &vm(&body(2)));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let after = lab.config(&here);
        for key in ["scsi7", "net5", "numa", "startup", "net0"] {
            assert_eq!(after[key], by_hand[key], "{key}");
        }
        workspace.destroy().ok();
    });
}

#[test]
#[expect(clippy::too_many_lines, reason = "one configuration with everything")]
fn a_machine_made_by_hand_is_imported_without_a_difference() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let here = Place { node: "pve1".to_owned(), id: 4711 };
        lab.make(
            &here,
            &json!({
                "name": "by-hand", "description": "one\ntwo", "tags": "Zeta;alpha", "onboot": 1, "ostype": "l26",
                "bios": "ovmf", "machine": "q35", "scsihw": "virtio-scsi-single", "agent": "enabled=1,fstrim_cloned_disks=1",
                "cpu": "host,flags=+aes", "cores": 2, "sockets": 1, "numa": 1, "memory": 1024, "balloon": 512,
                "efidisk0": "local-lvm:1,efitype=4m,pre-enrolled-keys=1", "tpmstate0": "local-lvm:1,version=v2.0",
                "scsi0": "local-lvm:2,discard=on,iothread=1,ssd=1,mbps_rd=10", "sata0": "none,media=cdrom",
                "ide2": "local-lvm:cloudinit", "ciuser": "me", "ipconfig0": "ip=192.0.2.9/24,gw=192.0.2.1",
                "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1,tag=5", "net1": "e1000,bridge=vmbr1",
                "serial0": "socket", "vga": "serial0", "boot": "order=scsi0;net0",
            }),
        );
        let body = r#"
  name          = "by-hand"
  description   = "one\ntwo"
  tags          = ["zeta", "alpha"]
  started       = false
  start_on_boot = true
  os_type       = "l26"
  bios          = "ovmf"
  machine       = "q35"
  scsi_hardware = "virtio-scsi-single"
  agent         = { enabled = true, trim_after_clone = true }
  cpu           = { type = "host", cores = 2, sockets = 1, flags = ["+aes"], numa = true }
  display       = { type = "serial0" }
  serial_ports  = { serial0 = {} }
  memory        = { size_mib = 1024, minimum_mib = 512 }
  efi_disk      = { type = "4m", pre_enrolled_keys = true }
  tpm_state     = { version = "v2.0" }
  disks = {
    scsi0 = { discard = true, io_thread = true, ssd = true, limits = { read_mib_per_second = 10 } }
  }
  cdroms = { sata0 = {} }
  networks = {
    net0 = { bridge = "vmbr0", firewall = true, vlan_id = 5 }
    net1 = { bridge = "vmbr1", model = "e1000" }
  }
  cloud_init = {
    user       = "me"
    ip_configs = { ipconfig0 = { ipv4_address = "192.0.2.9/24", ipv4_gateway = "192.0.2.1" } }
  }"#;
        workspace.configure(&lab.provider_block(), &vm(body));
        let before = lab.config(&here);
        workspace.import(ADDRESS, "pve1/4711").ok();
        workspace.plan_is_empty();
        assert_eq!(lab.config(&here), before);
        // Its first change leaves everything else as it was made.
        workspace.configure(&lab.provider_block(), &vm(&body.replace("cores = 2", "cores = 3")));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let after = lab.config(&here);
        for (key, value) in before.as_object().unwrap() {
            if !["cores", "description", "digest"].contains(&key.as_str()) {
                assert_eq!(after[key], *value, "{key}");
            }
        }
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_password_that_is_not_stored_is_sent_again_with_its_version() {
    with_each_cli(|cli| {
        // Older CLIs have no such arguments.
        if !suite::cli::version(cli).unwrap().starts_with("Terraform v1.11") {
            return;
        }
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let body = |password: &str, version: u32| {
            vm(&format!(
                "started = false\n  disks = {{ scsi0 = {{ storage_name = \"local-lvm\", size_gib = 1 }} }}\n  \
                 cloud_init = {{ password_wo = \"{password}\", password_wo_version = {version} }}"
            ))
        };
        let sent = || lab.wire().iter().filter(|call| call["method"] == "PUT").count();
        workspace.configure(&lab.provider_block(), &body("first secret", 1));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(
            !std::fs::read_to_string(workspace.folder().join("terraform.tfstate"))
                .unwrap()
                .contains("first secret")
        );
        // The same version says that it is the same password.
        workspace.configure(&lab.provider_block(), &body("second secret", 1));
        workspace.plan_is_empty();
        let before = sent();
        workspace.configure(&lab.provider_block(), &body("second secret", 2));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(sent(), before + 1);
        workspace.destroy().ok();
    });
}

#[test]
fn drift_is_seen_and_mended() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let body = "name = \"web\"\n  start_on_boot = true\n  cpu = { cores = 2 }\n  networks = { net0 = { bridge = \"vmbr0\", vlan_id = 5 } }";
        workspace.configure(&lab.provider_block(), &vm(body));
        workspace.apply().ok();
        let here = Place { node: "pve1".to_owned(), id: 4711 };
        let mac = lab.config(&here)["net0"].as_str().unwrap().split(',').next().unwrap().to_owned();
        lab.edit(
            &here,
            &json!({"name": "other", "delete": "onboot", "net0": format!("{mac},bridge=vmbr0,firewall=1")}),
        );
        assert_eq!(workspace.plan().code, Some(2));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let after = lab.config(&here);
        assert_eq!((&after["name"], &after["onboot"]), (&json!("web"), &json!(1)));
        assert_eq!(after["net0"], format!("{mac},bridge=vmbr0,firewall=1,tag=5"));
        workspace.destroy().ok();
    });
}

#[test]
fn mistakes_are_told_by_the_plan() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let disk = |json: &str| format!("disks = {{ scsi0 = {{ {json} }} }}");
        for (body, said) in [
            ("disks = { scsi31 = {} }".to_owned(), "There is no slot \"scsi31\" here"),
            (
                "cdroms = { ide2 = {} }\n  cloud_init = { slot = \"ide2\" }".to_owned(),
                "The slot \"ide2\" has a CD drive already",
            ),
            (
                "machine = \"q35\"\n  cdroms = { ide3 = {} }".to_owned(),
                "of IDE it has `ide0` and `ide2` only",
            ),
            ("template = true\n  started = true".to_owned(), "A template never runs"),
            ("clone = { vm_id = 999 }".to_owned(), "There is no VM 999 to clone"),
            (disk("storage_name = \"local\", size_gib = 1"), "The storage \"local\" is not for disks of VMs"),
            (disk("storage_name = \"nowhere\", size_gib = 1"), "has no storage \"nowhere\""),
            ("name = \"bad_name!\"".to_owned(), "a DNS name of letters"),
        ] {
            workspace.configure(&lab.provider_block(), &vm(&body));
            let plan = workspace.plan().prose();
            assert!(plan.contains(said), "{body}\n{plan}");
        }
        let nowhere = vm("").replace("pve1", "pve9");
        workspace.configure(&lab.provider_block(), &nowhere);
        let plan = workspace.plan().failed().prose();
        assert!(
            plan.contains("The cluster has no node \"pve9\". It has \"pve1\", \"pve2\", \"pve3\"."),
            "{plan}"
        );
        assert_eq!(lab.writes(), 0);
    });
}
