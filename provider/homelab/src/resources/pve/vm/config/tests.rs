//! Tables of configurations: what is written to them.

use super::*;

mod devices;
mod reading;

/// A configuration from lines of `key: value`.
fn wire(text: &str) -> VmConfig {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let values =
        lines.filter_map(|line| line.split_once(": ")).map(|(key, value)| (key.into(), value.into()));
    VmConfig { values: values.collect(), digest: Some("d".into()) }
}

/// A model from the JSON of its known arguments.
fn model(json: serde_json::Value) -> Vm {
    let mut object = serde_json::json!({"node_name": "pve1"});
    object.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
    let mut value = Value::from_json(&object, &Vm::schema().ty()).unwrap();
    // As the plan does: what nobody set and the service may set is not known.
    unknown(&Vm::attributes(), &mut value);
    Vm::decode(&value).unwrap()
}

fn unknown(attributes: &[tf_framework::Attribute], value: &mut Value) {
    let Value::Object(entries) = value else { return };
    for attribute in attributes {
        let entry = entries.entry(attribute.name.clone()).or_insert(Value::Null);
        if entry.is_null() && attribute.mode.is_computed() {
            *entry = attribute.default.clone().unwrap_or(Value::Unknown);
        }
        if let Some((_, nested)) = attribute.nested() {
            match entry {
                Value::Map(items) => items.values_mut().for_each(|item| unknown(nested, item)),
                other => unknown(nested, other),
            }
        }
    }
}

/// What is written, as `key=value` and `-key`.
fn changes(prior: Option<&Vm>, want: &Vm, current: &VmConfig) -> Vec<String> {
    let marker = Marker::complete("n");
    let (set, delete) = write(Pair { prior, want: Some(want) }, &marker, current).finish().unwrap();
    let set =
        set.iter().filter(|(key, _)| *key != "description").map(|(key, value)| format!("{key}={value}"));
    set.chain(delete.iter().map(|key| format!("-{key}"))).collect()
}

/// Checks what is written at creation, on top of a clone or of nothing.
#[track_caller]
fn creates(want: serde_json::Value, current: &str, expected: &[&str]) {
    assert_eq!(changes(None, &model(want), &wire(current)), expected);
}

/// Checks that a configuration reads as this without a state, and that the same is written back as nothing.
#[track_caller]
fn imports(current: &str, expected: serde_json::Value) {
    let config = wire(current);
    let read = read(Named::Everything, &config, model(serde_json::json!({})));
    let value = read.encode().without_unknowns().to_json();
    for (key, expected) in expected.as_object().unwrap() {
        assert_eq!(nulls_removed(&value[key]), *expected, "{key}");
    }
    assert_eq!(changes(Some(&read), &read, &config), Vec::<String>::new());
}

fn nulls_removed(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), nulls_removed(value)))
            .collect(),
        other => other.clone(),
    }
}

use serde_json::json;

#[test]
fn a_new_machine_gets_exactly_what_is_named() {
    creates(json!({"name": "web"}), "", &["name=web"]);
    creates(
        json!({
            "name": "web", "tags": ["b", "A"], "start_on_boot": true, "protection": false, "bios": "ovmf",
            "machine": "q35", "os_type": "l26", "scsi_hardware": "virtio-scsi-single",
            "cpu": {"cores": 2, "type": "host", "limit": 1.5}, "memory": {"size_mib": 1024, "minimum_mib": 0},
            "agent": {"enabled": true, "trim_after_clone": true}, "boot_order": ["scsi0", "net0"],
            "disks": {"scsi0": {"storage_name": "local", "size_gib": 8, "discard": true, "io_thread": true, "format": "qcow2"}},
            "cdroms": {"ide0": {}, "sata1": {"volume_id": "local:iso/a.iso"}},
            "networks": {"net0": {"bridge": "vmbr0", "vlan_id": 5, "trunk_vlan_ids": [20, 10], "connected": false}},
            "efi_disk": {"storage_name": "local", "type": "4m", "pre_enrolled_keys": true},
            "tpm_state": {"storage_name": "local", "version": "v2.0"},
        }),
        "",
        &[
            "agent=1,fstrim_cloned_disks=1",
            "balloon=0",
            "bios=ovmf",
            "boot=order=scsi0;net0",
            "cores=2",
            "cpu=host",
            "cpulimit=1.5",
            "efidisk0=local:1,efitype=4m,pre-enrolled-keys=1",
            "ide0=none,media=cdrom",
            "machine=q35",
            "memory=1024",
            "name=web",
            "net0=virtio,bridge=vmbr0,link_down=1,tag=5,trunks=10;20",
            "onboot=1",
            "ostype=l26",
            "protection=0",
            "sata1=local:iso/a.iso,media=cdrom",
            "scsi0=local:8,discard=on,format=qcow2,iothread=1",
            "scsihw=virtio-scsi-single",
            "tags=A;b",
            "tpmstate0=local:1,version=v2.0",
        ],
    );
}

#[test]
fn disks_are_made_empty_or_from_an_image() {
    let disk = |json| json!({"disks": {"scsi0": json}});
    creates(disk(json!({"storage_name": "a1", "size_gib": 3})), "", &["scsi0=a1:3"]);
    creates(
        disk(json!({"storage_name": "a1", "size_gib": 3, "import_from": "b1:import/x.qcow2", "ssd": true})),
        "",
        &["scsi0=a1:0,import-from=b1:import/x.qcow2,ssd=1"],
    );
    for (json, blamed) in
        [(json!({"size_gib": 3}), "storage_name"), (json!({"storage_name": "a1"}), "size_gib")]
    {
        let (marker, nothing) = (Marker::complete("n"), wire(""));
        let want = model(disk(json));
        let Error(problems) =
            write(Pair { prior: None, want: Some(&want) }, &marker, &nothing).finish().unwrap_err();
        assert_eq!(problems[0].path, Some(Path::from("disks").key("scsi0").then(blamed)));
    }
}

#[test]
fn a_clone_keeps_what_is_not_named() {
    let template = "scsi0: local:110/base-110-disk-0.qcow2/113/vm-113-disk-0.qcow2,discard=on,size=3G
        scsi1: local:113/vm-113-disk-1.qcow2,size=1G
        net0: virtio=BC:24:11:9C:EF:DA,bridge=vmbr0,firewall=1
        ide2: local:113/vm-113-cloudinit.qcow2,media=cdrom,size=4M
        cpu: host,flags=+aes
        cores: 2
        agent: enabled=1";
    creates(
        json!({
            "cpu": {"type": "x86-64-v2"},
            "disks": {"scsi0": {"ssd": true}},
            "networks": {"net0": {"vlan_id": 7}},
            "agent": {"enabled": true},
            "cloud_init": {"user": "admin", "ip_configs": {"ipconfig0": {"ipv4_address": "dhcp"}}},
        }),
        template,
        &[
            "ciuser=admin",
            "cpu=x86-64-v2,flags=+aes",
            "ipconfig0=ip=dhcp",
            "net0=virtio=BC:24:11:9C:EF:DA,bridge=vmbr0,firewall=1,tag=7",
            "scsi0=local:110/base-110-disk-0.qcow2/113/vm-113-disk-0.qcow2,discard=on,size=3G,ssd=1",
        ],
    );
}

#[test]
fn cloud_init_gets_its_drive_beside_the_first_disk() {
    let cloud_init = |json| json!({"cloud_init": json});
    let disk = "scsi0: fast:vm-100-disk-0,size=3G";
    creates(cloud_init(json!({})), disk, &["ide2=fast:cloudinit,media=cdrom"]);
    creates(
        cloud_init(json!({"slot": "scsi9", "storage_name": "slow"})),
        disk,
        &["scsi9=slow:cloudinit,media=cdrom"],
    );
    let present = "scsi0: fast:vm-100-disk-0,size=3G\nide0: fast:vm-100-cloudinit,media=cdrom,size=4M";
    creates(cloud_init(json!({})), present, &[]);
    creates(cloud_init(json!({"slot": "ide2"})), present, &["ide2=fast:cloudinit,media=cdrom", "-ide0"]);
    creates(
        cloud_init(json!({
            "user": "me", "password": "pw", "ssh_keys": ["ssh-ed25519 AAAA+/= me@here\n", "ssh-rsa B"],
            "ip_configs": {"ipconfig1": {"ipv4_address": "192.0.2.9/24", "ipv4_gateway": "192.0.2.1", "ipv6_address": "auto"}},
            "name_servers": ["192.0.2.2", "192.0.2.3"], "search_domain": "example.com", "upgrade_packages": false,
            "type": "nocloud",
        })),
        present,
        &[
            "cipassword=pw",
            "citype=nocloud",
            "ciupgrade=0",
            "ciuser=me",
            "ipconfig1=gw=192.0.2.1,ip=192.0.2.9/24,ip6=auto",
            "nameserver=192.0.2.2 192.0.2.3",
            "searchdomain=example.com",
            "sshkeys=ssh-ed25519%20AAAA%2B%2F%3D%20me%40here%0Assh-rsa%20B",
        ],
    );
    let (marker, nothing) = (Marker::complete("n"), wire(""));
    let want = model(cloud_init(json!({})));
    let Error(problems) =
        write(Pair { prior: None, want: Some(&want) }, &marker, &nothing).finish().unwrap_err();
    assert_eq!(problems[0].path, Some("cloud_init.storage_name".into()));
}

#[test]
fn a_password_is_sent_when_the_plan_changes_it() {
    let with = |json| model(json!({"cloud_init": json}));
    let drive = "ide2: local:vm-100-cloudinit,media=cdrom\ncipassword: **********";
    let config = wire(drive);
    let (a, b) = (with(json!({"password": "a"})), with(json!({"password": "b"})));
    assert_eq!(changes(Some(&a), &a, &config), Vec::<String>::new());
    assert_eq!(changes(Some(&a), &b, &config), ["cipassword=b"]);
    let none = with(json!({}));
    assert_eq!(changes(Some(&a), &none, &config), ["-cipassword"]);
    let (mut one, two) = (
        with(json!({"password_wo": "a", "password_wo_version": 1})),
        with(json!({"password_wo": "b", "password_wo_version": 2})),
    );
    // A state never has it.
    one.cloud_init.as_mut().unwrap().password_wo = None;
    assert_eq!(changes(Some(&one), &two, &config), ["cipassword=b"]);
    let mut again = two.clone();
    again.cloud_init.as_mut().unwrap().password_wo = Some("c".into());
    assert_eq!(changes(Some(&two), &again, &config), Vec::<String>::new());
}

#[test]
fn what_is_named_no_more_goes_back_to_the_default() {
    let before = model(json!({
        "name": "web", "description": "text", "tags": ["a"], "bios": "ovmf", "cpu": {"cores": 2, "type": "host"},
        "agent": {"enabled": true, "type": "isa"}, "networks": {"net0": {"bridge": "vmbr0", "vlan_id": 5}, "net1": {}},
        "disks": {"scsi0": {}, "scsi1": {}, "scsi2": {"on_remove": "delete"}},
        "memory": {"size_mib": 1024, "minimum_mib": 512}, "cdroms": {"ide0": {}}, "efi_disk": {},
        "cloud_init": {"user": "x", "ip_configs": {"ipconfig0": {"ipv4_address": "dhcp"}}},
    }));
    let after = model(
        json!({"cpu": {}, "networks": {"net0": {}}, "disks": {"scsi0": {}}, "memory": {"size_mib": 1024}}),
    );
    let config = wire(
        "name: web
        tags: a
        bios: ovmf
        cores: 2
        cpu: host,flags=+aes
        agent: 1,type=isa
        net0: virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5
        net1: virtio=BC:24:11:00:00:02
        scsi0: local:100/vm-100-disk-0.raw,size=1G
        scsi1: local:100/vm-100-disk-1.raw,size=1G
        scsi2: local:100/vm-100-disk-2.raw,size=1G
        scsi3: csi:9999/vm-9999-disk-0.raw,size=1G
        memory: 1024
        balloon: 512
        ide0: none,media=cdrom
        ide2: local:100/vm-100-cloudinit.raw,media=cdrom
        ciuser: x
        ipconfig0: ip=dhcp
        efidisk0: local:100/vm-100-disk-9.raw,size=528K
        numa: 1
        net5: virtio=BC:24:11:00:00:05",
    );
    let mut expected = vec![
        // Options that were never named, here flags, are kept; so are the disk and the device of somebody else.
        "cpu=kvm64,flags=+aes",
        "net0=virtio=BC:24:11:00:00:01",
        "-agent",
        "-balloon",
        "-bios",
        "-ciuser",
        "-cores",
        "-efidisk0",
        "-ide0",
        "-ide2",
        "-ipconfig0",
        "-name",
        "-net1",
        "-scsi1",
        "-tags",
    ];
    let mut found = changes(Some(&before), &after, &config);
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_medium_changes_without_the_size_of_the_old_one() {
    let before = model(json!({"cdroms": {"ide2": {"volume_id": "local:iso/a.iso"}}}));
    let after = model(json!({"cdroms": {"ide2": {"volume_id": "local:iso/b.iso"}}}));
    let empty = model(json!({"cdroms": {"ide2": {}}}));
    let config = wire("ide2: local:iso/a.iso,media=cdrom,size=64K");
    assert_eq!(changes(Some(&before), &after, &config), ["ide2=local:iso/b.iso,media=cdrom"]);
    assert_eq!(changes(Some(&before), &empty, &config), ["ide2=none,media=cdrom"]);
}

#[test]
fn a_slot_can_change_its_kind_of_device() {
    let disk = model(json!({"disks": {"sata0": {}}}));
    let cdrom = model(json!({"cdroms": {"sata0": {}}}));
    let config = wire("sata0: local:100/vm-100-disk-0.raw,size=1G");
    assert_eq!(changes(Some(&disk), &cdrom, &config), ["sata0=none,media=cdrom"]);
}

#[test]
fn another_layout_of_the_firmware_makes_a_new_disk() {
    let with = |json| model(json!({"efi_disk": json}));
    let config = wire("efidisk0: local:100/vm-100-disk-1.raw,efitype=4m,size=528K");
    let small = with(json!({"storage_name": "local", "type": "4m"}));
    let keys = with(json!({"storage_name": "local", "type": "4m", "pre_enrolled_keys": true}));
    assert_eq!(changes(Some(&small), &small, &config), Vec::<String>::new());
    assert_eq!(changes(Some(&small), &keys, &config), ["efidisk0=local:1,efitype=4m,pre-enrolled-keys=1"]);
}
