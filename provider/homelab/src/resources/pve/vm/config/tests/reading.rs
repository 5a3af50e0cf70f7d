//! What is read from a configuration: the mark, drift, and everything for an import.

use super::*;

#[test]
fn the_mark_is_the_last_line_of_the_description_and_never_part_of_it() {
    let marker = Marker::complete("abc");
    let described = |text: Option<&str>| {
        let mut vm = model(json!({}));
        vm.description = text.map(str::to_owned);
        vm
    };
    let written = |prior: Option<&Vm>, want: &Vm, current: &str| {
        let config =
            VmConfig { values: [("description".to_owned(), current.to_owned())].into(), digest: None };
        let (set, _) = write(Pair { prior, want: Some(want) }, &marker, &config).finish().unwrap();
        set.value("description").map(str::to_owned)
    };
    let (none, some) = (described(None), described(Some("mine")));
    let line = "<!-- homelab-vm abc -->";
    assert_eq!(written(None, &none, "").as_deref(), Some(line));
    assert_eq!(written(None, &some, "").unwrap(), format!("mine\n{line}"));
    // A text that was written elsewhere and is not named stays.
    assert_eq!(written(Some(&none), &none, "theirs").unwrap(), format!("theirs\n{line}"));
    assert_eq!(written(Some(&some), &none, &format!("mine\n{line}")).unwrap(), line);
    assert_eq!(written(Some(&some), &some, &format!("mine\n{line}")), None);

    let config =
        |text: &str| VmConfig { values: [("description".to_owned(), text.to_owned())].into(), digest: None };
    let text =
        |prior: &Vm, current: &str| read(Named::Only(prior), &config(current), prior.clone()).description;
    assert_eq!(text(&none, line), None);
    assert_eq!(text(&some, &format!("mine\n{line}")).as_deref(), Some("mine"));
    assert_eq!(text(&described(Some("mine\n")), "mine").as_deref(), Some("mine\n"));
    assert_eq!(text(&described(Some("")), line).as_deref(), Some(""));
    assert_eq!(text(&some, line), None);
}

#[test]
fn a_state_sees_drift_only_in_what_it_names() {
    let named = model(json!({
        "bios": "seabios", "cpu": {"cores": 2}, "memory": {"minimum_mib": 512}, "tags": ["Prod"],
        "disks": {"scsi0": {"backup": true}}, "networks": {"net0": {"firewall": false}}, "machine": "q35",
    }));
    let config = wire(
        "name: other
        cores: 4
        sockets: 2
        memory: 1024
        tags: prod
        machine: pc-q35-9.2+pve1
        scsi0: local:100/vm-100-disk-0.raw,size=1G,backup=0,ssd=1
        scsi1: local:100/vm-100-disk-1.raw,size=1G
        net0: virtio=bc:24:11:00:00:01,bridge=vmbr0",
    );
    let found = read(Named::Only(&named), &config, named.clone());
    assert_eq!((found.name, found.bios.as_deref()), (None, Some("seabios")));
    let cpu = found.cpu.unwrap();
    assert_eq!((cpu.cores, cpu.sockets), (Some(4), None));
    assert_eq!(found.memory.unwrap().minimum_mib, Some(1024));
    assert_eq!(found.tags, Some(["Prod".to_owned()].into()));
    assert_eq!(found.machine.as_deref(), Some("q35"));
    let disks = found.disks.unwrap();
    assert_eq!(disks.keys().collect::<Vec<_>>(), ["scsi0"]);
    assert_eq!((disks["scsi0"].backup.known(), disks["scsi0"].ssd), (Some(&false), None));
    let net = &found.networks.unwrap()["net0"];
    assert_eq!((net.firewall, net.bridge.as_deref()), (Some(false), None));
    assert_eq!(net.mac_address.known().unwrap().to_string(), "BC:24:11:00:00:01");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one configuration with everything")]
fn an_import_reports_everything_and_changes_nothing() {
    imports(
        "agent: enabled=1
        boot: order=scsi0
        cores: 2
        cpu: host
        cpulimit: 1.50
        ide2: ds2:100/vm-100-cloudinit.qcow2,media=cdrom
        ciuser: ubuntu
        cipassword: **********
        sshkeys: ssh-ed25519%20AAAA%20user%40example%0A
        nameserver: 1.1.1.1 8.8.8.8
        ipconfig0: ip=192.0.2.50/24,gw=192.0.2.1
        memory: current=512
        name: vm-one
        net0: virtio=BC:24:11:83:CD:45,bridge=vmbr0,firewall=1,rate=12.5,trunks=10;20-22
        onboot: 0
        scsi0: ds2:100/vm-100-disk-0.qcow2,discard=on,iothread=1,size=1536M,ssd=1
        scsi1: ds2:100/vm-100-disk-1.raw,aio=native,cache=none,iops_wr_max=100,mbps_rd=10,ro=1,size=1G,wwn=0x5000c500a0b1c2d3
        sata0: ds2:iso/test.iso,media=cdrom,size=64K
        sata1: none,media=cdrom
        efidisk0: ds2:104/vm-104-disk-0.raw,efitype=4m,pre-enrolled-keys=1,size=528K
        tpmstate0: ds2:104/vm-104-disk-2.raw,size=4M,version=v2.0
        unused0: ds2:100/vm-100-disk-7.raw
        smbios1: uuid=3682cff0-0f9d-42be-a321-8f4d4c5a3aec
        tags: prod;tf;web
        description: text",
        json!({
            "name": "vm-one",
            "description": "text",
            "tags": ["prod", "tf", "web"],
            "start_on_boot": false,
            "boot_order": ["scsi0"],
            "cpu": {"cores": 2, "type": "host", "limit": 1.5},
            "memory": {"size_mib": 512},
            "agent": {"enabled": true},
            "networks": {"net0": {
                "bridge": "vmbr0", "model": "virtio", "mac_address": "BC:24:11:83:CD:45", "firewall": true,
                "rate_mib_per_second": 12.5, "trunk_vlan_ids": [10, 20, 21, 22],
            }},
            "disks": {
                "scsi0": {
                    "storage_name": "ds2", "size_gib": 2, "format": "qcow2", "discard": true, "io_thread": true,
                    "ssd": true, "backup": true, "volume_id": "ds2:100/vm-100-disk-0.qcow2", "on_remove": "detach",
                },
                "scsi1": {
                    "storage_name": "ds2", "size_gib": 1, "format": "raw", "async_io": "native", "cache": "none",
                    "read_only": true, "backup": true, "volume_id": "ds2:100/vm-100-disk-1.raw", "on_remove": "detach",
                    "limits": {"write_burst_operations_per_second": 100, "read_mib_per_second": 10},
                },
            },
            "cdroms": {"sata0": {"volume_id": "ds2:iso/test.iso"}, "sata1": {}},
            "efi_disk": {
                "storage_name": "ds2", "type": "4m", "pre_enrolled_keys": true, "format": "raw",
                "volume_id": "ds2:104/vm-104-disk-0.raw",
            },
            "tpm_state": {"storage_name": "ds2", "version": "v2.0", "volume_id": "ds2:104/vm-104-disk-2.raw"},
            "cloud_init": {
                "storage_name": "ds2", "slot": "ide2", "user": "ubuntu", "ssh_keys": ["ssh-ed25519 AAAA user@example"],
                "name_servers": ["1.1.1.1", "8.8.8.8"],
                "ip_configs": {"ipconfig0": {"ipv4_address": "192.0.2.50/24", "ipv4_gateway": "192.0.2.1"}},
                "user_data_change": "reboot",
            },
        }),
    );
    imports(
        "boot: order=net0\nnet0: e1000=BC:24:11:83:CD:45",
        json!({"disks": null, "cpu": null, "cloud_init": null}),
    );
}
