//! Values for arguments whose rules do not name any: what the lab has, other objects, and texts that are hard to keep.

/// This file, for the message about an argument that is not covered.
pub const FILE: &str = "acceptance-tests/suite/tests/random/values.rs";

/// One line each, without blanks at the ends.
const LINES: &[&str] =
    &["c", "zwei Wörter, mit ü", "a; b=c", "100 % \"sure\"", "it's: #1 <b> 🏠", "\\n {x} %0A"];
/// Several lines.
const TEXTS: &[&str] = &["notes", "# Kopf\n\nzwei Zeilen: % & ü 🏠", " leading, and\ttab", "a\\n=b"];
const NODES: &[&str] = &["pve1", "pve2", "pve3"];
const TAGS: &[&str] = &["a", "prod", "_x", "b-c+d.e", "9"];
const FOLDERS: &[&str] = &["dump", "other/iso"];
const CONTENTS: &[&str] = &["backup", "iso", "vztmpl"];
const MOUNT_OPTIONS: &[&str] = &["vers=4.2", "vers=4.1,soft"];
const MACHINES: &[&str] = &["${homelab_pve_vm.s{n}.vm_id}", "${homelab_pve_vm.r{n}.vm_id}"];
const SERVICES: &[&str] =
    &["${homelab_pve_ha_resource.h{n}.service_id}", "${homelab_pve_ha_resource.i{n}.service_id}"];
const EVENTS: &[&str] = &["daily", "mon..fri 02:30 UTC", "sat *-1..7 03:15 UTC", "21:00 UTC"];
const FRACTIONS: &[&str] = &["1", "10.5", "0.25", "300", "1000000"];
/// Needs `root@pam` with its password, which the provider of this test does not use.
const ROOT_ONLY: &[&str] = &[];
/// Told by the rules of [`crate::rules`].
const MADE_ELSEWHERE: &[&str] = &[];

/// Values by the end of the path. The longest end counts; no values: the argument is never drawn.
const TABLE: &[(&str, &[&str])] = &[
    ("comment", LINES),
    ("description", LINES),
    ("notes_template", &["{{guestname}}", "{{cluster}} {{node}}: {{vmid}}, % ü"]),
    ("node_name", NODES),
    ("nodes", NODES),
    ("tags", TAGS),
    ("content_folders.*", CONTENTS),
    ("content_folders", FOLDERS),
    ("monitors", &["192.0.2.1", "192.0.2.2:6789", "mon.example.test"]),
    ("options", MOUNT_OPTIONS),
    ("server", &["192.0.2.99"]),
    ("username", &["me"]),
    ("password_wo", &["a secret word", "ünother % secret"]),
    ("password_wo_version", &["1", "2"]),
    ("keyring_wo", &["key = AQB", "key = AQC"]),
    ("keyring_wo_version", &["1", "2"]),
    ("is_mountpoint", &["yes", "no"]),
    ("subfolder", &["/sub", "/sub/other"]),
    ("mac_address", &["BC:24:11:00:00:0A", "bc:24:11:fe:dc:ba"]),
    ("ipv4_cidr", &["198.51.{n}.1/24", "198.51.{n}.2/25"]),
    ("ipv6_cidr", &["2001:db8:{n}::1/64", "2001:DB8:{n}:0::2/56"]),
    // Only one interface of a node can have it, and that one has it already.
    ("ipv4_gateway", MADE_ELSEWHERE),
    ("ipv6_gateway", MADE_ELSEWHERE),
    ("schedule", EVENTS),
    ("timeouts.create", &["90s", "1h30m"]),
    ("timeouts.read", &["20m"]),
    ("timeouts.update", &["20m"]),
    ("timeouts.delete", &["20m"]),
    ("expires_at", &["2031-01-01T00:00:00Z", "2030-06-01T12:00:00+02:00"]),
    // Backups.
    ("homelab_backup_schedule.storage_name", &["shared", "local"]),
    ("homelab_backup_schedule.fleecing.storage_name", &["local-lvm", "shared"]),
    ("homelab_backup_schedule.tier.pool_name", MADE_ELSEWHERE),
    ("homelab_backup_schedule.tier.schedule", MADE_ELSEWHERE),
    ("homelab_backup_schedule.tier.prune_backups", MADE_ELSEWHERE),
    ("homelab_backup_schedule.start_delay_minutes", &["0", "5", "30"]),
    ("homelab_backup_tier.name", &["gold", "tier_x-1"]),
    ("homelab_backup_tier.schedule", &["21:00 UTC", "mon..sun 01:15 UTC", "*-*-* 03:30 UTC"]),
    ("homelab_backup_tier.retention_days", &["7", "10"]),
    ("homelab_backup_tier.rpo_hours", &["24", "30"]),
    ("homelab_backup_tier.rpo_grace_hours", &["2", "12"]),
    ("homelab_backup_tier.rto_hours", &["4", "48"]),
    ("homelab_backup_tier.prune_backups", MADE_ELSEWHERE),
    ("homelab_pve_backup_job.dump_folder", ROOT_ONLY),
    ("homelab_pve_backup_job.script", ROOT_ONLY),
    ("homelab_pve_backup_job.temporary_folder", ROOT_ONLY),
    ("homelab_pve_backup_job.exclude_paths", &["/tmp/?*", "/var/cache", "*.o"]),
    ("homelab_pve_backup_job.exclude_vm_ids", &["100", "103", "999999999"]),
    ("homelab_pve_backup_job.vm_ids", &["100", "103", "999999999"]),
    ("homelab_pve_backup_job.fleecing.storage_name", &["local-lvm", "shared"]),
    ("homelab_pve_backup_job.mail_to", &["a@example.com", "root@pam"]),
    ("homelab_pve_backup_job.pool_name", &["${homelab_pve_pool.a{n}.name}"]),
    ("homelab_pve_backup_job.storage_name", &["local", "shared"]),
    // Access.
    ("homelab_pve_acl.group", &["${homelab_pve_group.a{n}.name}"]),
    ("homelab_pve_acl.path", &["/", "/vms", "/pool/some", "/storage/local", "/access/groups"]),
    ("homelab_pve_acl.role", &["PVEAuditor", "PVEVMUser", "${homelab_pve_role.a{n}.name}"]),
    ("homelab_pve_acl.token_id", &["${homelab_pve_user.a{n}.user_id}!${homelab_pve_token.a{n}.name}"]),
    ("homelab_pve_acl.user_id", &["${homelab_pve_user.a{n}.user_id}"]),
    (
        "homelab_pve_role.privileges",
        &["VM.Audit", "VM.PowerMgmt", "Sys.Audit", "Datastore.Allocate", "Pool.Audit"],
    ),
    ("homelab_pve_token.rotation_id", &["1", "zwei"]),
    ("homelab_pve_user.email", &["a@example.com", "someone+tag@sub.example.org"]),
    ("homelab_pve_user.first_name", &["Anna", "Zoë Ünal"]),
    ("homelab_pve_user.last_name", &["O'Neil", "von der Lippe"]),
    ("homelab_pve_user.groups", &["${homelab_pve_group.a{n}.name}", "${homelab_pve_group.b{n}.name}"]),
    // A token cannot set passwords.
    ("homelab_pve_user.password_wo", ROOT_ONLY),
    ("homelab_pve_user.password_wo_version", ROOT_ONLY),
    // Cluster, nodes and mappings.
    ("homelab_pve_cluster_options.description", TEXTS),
    ("homelab_pve_cluster_options.consent_text", TEXTS),
    ("homelab_pve_cluster_options.email_from", &["root@example.com"]),
    ("homelab_pve_cluster_options.http_proxy", &["http://proxy.example.com:3128"]),
    ("homelab_pve_cluster_options.mac_prefix", &["BC:24:12", "02:0a"]),
    ("homelab_pve_cluster_options.migration.network", &["10.0.0.0/24"]),
    ("homelab_pve_cluster_options.replication.network", &["10.0.1.0/24"]),
    ("homelab_pve_cluster_options.registered_tags", TAGS),
    ("homelab_pve_cluster_options.tag_style.colors.*", &["prod", "dev"]),
    ("homelab_pve_cluster_options.tag_style.colors", &["ff0000", "00FF00:000000"]),
    // The case of tags matters to every machine, so it is not changed beside others.
    ("homelab_pve_cluster_options.tag_style.case_sensitive", &["false"]),
    ("homelab_pve_cluster_options.user_tag_access.user_allow_list", TAGS),
    ("homelab_pve_cluster_options.next_id.lower", &["100", "200"]),
    ("homelab_pve_cluster_options.next_id.upper", &["300000", "1000000"]),
    ("homelab_pve_node.description", TEXTS),
    ("homelab_pve_node.dns.search_domain", &["example.test", "lab.example.org"]),
    ("homelab_pve_node.dns.servers", &["192.0.2.1", "9.9.9.9", "2001:db8::53"]),
    ("homelab_pve_node.hosts", &["127.0.0.1 localhost\n192.0.2.13 pve3.example.test pve3\n192.0.2.50 nas\n"]),
    ("homelab_pve_node.time_zone", &["UTC", "Europe/Berlin"]),
    ("homelab_pve_node.wake_on_lan.bind_interface", &["eno1"]),
    ("homelab_pve_node.wake_on_lan.broadcast_address", &["192.0.2.255"]),
    ("homelab_pve_dir_mapping.directories.path", &["/mnt", "/srv/some thing"]),
    ("homelab_pve_pci_mapping.devices.device_id", &["10de:1b80", "8086:56a0"]),
    ("homelab_pve_pci_mapping.devices.path", &["0000:01:00.0", "0000:02:00", "0000:03:00.0;0000:03:00.1"]),
    ("homelab_pve_pci_mapping.devices.subsystem_id", &["1043:85aa"]),
    ("homelab_pve_usb_mapping.devices.device_id", &["0403:6001", "10c4:ea60"]),
    ("homelab_pve_usb_mapping.devices.port", &["1-2.3", "2-1"]),
    ("devices.description", &["the left one", "ü = 100 %"]),
    ("homelab_pve_zfs_pool.devices", MADE_ELSEWHERE),
    ("homelab_pve_zfs_pool.draid", MADE_ELSEWHERE),
    ("homelab_pve_zfs_pool.raid_level", MADE_ELSEWHERE),
    // Networks of nodes.
    ("homelab_pve_bond.interfaces", &["eno2", "eno3", "eno4"]),
    ("homelab_pve_bond.primary", MADE_ELSEWHERE),
    ("homelab_pve_bridge.ports", &["eno5", "eno6"]),
    ("homelab_pve_bridge.vlan_ids", &["2-4094", "10 20 30-40"]),
    ("homelab_pve_vlan.parent", &["vmbr0", "eno1"]),
    // Storages.
    ("homelab_pve_storage.content", &["backup", "iso", "vztmpl", "images", "rootdir"]),
    ("homelab_pve_storage.max_protected_backups", &["-1", "0", "5"]),
    ("homelab_pve_storage.btrfs.path", &["/btrfs{n}", "/srv/btrfs{n}"]),
    ("homelab_pve_storage.cephfs.file_system", &["fs", "other"]),
    ("homelab_pve_storage.cifs.share", &["s{n}", "t"]),
    ("homelab_pve_storage.cifs.domain", &["WORKGROUP"]),
    ("homelab_pve_storage.dir.path", &["/mnt/s{n}", "/srv/s{n}"]),
    ("homelab_pve_storage.iscsi.portal", &["192.0.2.99", "192.0.2.99:3261"]),
    ("homelab_pve_storage.iscsi.target", &["iqn.2003-01.org.example:t{n}"]),
    ("homelab_pve_storage.lvm.base_volume", MADE_ELSEWHERE),
    ("homelab_pve_storage.lvm.safe_remove_throughput", &["-10485760", "10485760"]),
    ("homelab_pve_storage.lvm.volume_group", &["vg{n}", "pve"]),
    ("homelab_pve_storage.lvmthin.thin_pool", &["data", "fast"]),
    ("homelab_pve_storage.lvmthin.volume_group", &["vg{n}", "pve"]),
    ("homelab_pve_storage.nfs.export", &["/x{n}", "/y/z"]),
    ("homelab_pve_storage.pbs.datastore", &["d{n}", "e"]),
    ("homelab_pve_storage.pbs.encryption_key_wo", MADE_ELSEWHERE),
    ("homelab_pve_storage.pbs.encryption_key_wo_version", MADE_ELSEWHERE),
    (
        "homelab_pve_storage.pbs.fingerprint",
        &["aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99"],
    ),
    ("homelab_pve_storage.pbs.namespace", &["tier1", "a/b"]),
    ("homelab_pve_storage.pbs.username", &["backup@pbs!pve", "root@pam"]),
    ("homelab_pve_storage.rbd.pool", &["vms", "rbd{n}"]),
    ("homelab_pve_storage.rbd.data_pool", &["ec{n}"]),
    ("homelab_pve_storage.rbd.namespace", &["ns"]),
    ("homelab_pve_storage.zfspool.block_size", &["8k", "16k"]),
    ("homelab_pve_storage.zfspool.mount_point", &["/tank/mounted"]),
    ("homelab_pve_storage.zfspool.pool", &["tank/vms{n}", "tank"]),
    // The image is sent from a file of the test.
    ("homelab_pve_image.checksum", MADE_ELSEWHERE),
    ("homelab_pve_image.url", MADE_ELSEWHERE),
    ("homelab_pve_image.source_file", MADE_ELSEWHERE),
    ("homelab_pve_image.compression", MADE_ELSEWHERE),
    ("homelab_pve_image.verify_certificate", MADE_ELSEWHERE),
    ("homelab_pve_image.storage_name", &["shared", "local"]),
    ("homelab_pve_image.file_name", &["one-{n}.raw", "two_{n}.raw"]),
    ("homelab_pve_image.content", &["import"]),
    // What belongs to a machine.
    ("homelab_pve_ha_rule.service_ids", SERVICES),
    ("homelab_pve_ha_rule.node_priorities.*", NODES),
    ("homelab_pve_ha_resource.state", &["stopped", "disabled", "ignored"]),
    ("homelab_pve_replication_job.target_node_name", &["pve2", "pve3"]),
    ("homelab_pve_replication_job.schedule", &["*/30", "22:00"]),
    ("rate_mb_per_second", FRACTIONS),
    ("homelab_pve_snapshot.vm_id", MACHINES),
    ("homelab_pve_snapshot.description", TEXTS),
    // The memory of a machine that does not run cannot be saved.
    ("homelab_pve_snapshot.memory", &["false"]),
    (
        "homelab_pve_data_disk.backup_tier",
        &["0", "none", "${homelab_backup_tier.tier1.number}", "${homelab_backup_tier.tier2.number}"],
    ),
    ("homelab_pve_data_disk.storage_name", &["local-lvm", "shared"]),
    ("homelab_pve_data_disk.node_name", &["pve1"]),
    ("homelab_pve_data_disk.ownership", &["holder", "transfer"]),
    ("homelab_pve_data_disk.size_gib", &["1", "2", "3"]),
    // Machines.
    ("homelab_pve_vm.name", &["web", "web-2.example.com", "W3"]),
    ("homelab_pve_vm.description", &["", "notes", "# Kopf\n\nzwei Zeilen: % & ü 🏠", " a\\n=b ", "ends\n"]),
    ("homelab_pve_vm.tags", &["a", "Prod", "_x", "b-c+d.e", "9"]),
    ("homelab_pve_vm.pool_name", &["${homelab_pve_pool.a{n}.name}", "${homelab_pve_pool.b{n}.name}"]),
    ("homelab_pve_vm.machine", &["pc", "q35", "pc-q35-9.2+pve1", "pc-i440fx-10.0"]),
    ("homelab_pve_vm.clone", MADE_ELSEWHERE),
    ("homelab_pve_vm.shutdown_timeout_seconds", &["0", "1", "60"]),
    ("homelab_pve_vm.boot_order", &["scsi0", "virtio0", "net0", "sata0", "ide2"]),
    ("homelab_pve_vm.data_disks", &["${homelab_pve_data_disk.a{n}.id}", "${homelab_pve_data_disk.b{n}.id}"]),
    (
        "homelab_pve_vm.cdroms.volume_id",
        &["cdrom", "local:iso/debian-13-netinst.iso", "shared:iso/debian-13-netinst.iso"],
    ),
    ("homelab_pve_vm.pci_devices.host_address", ROOT_ONLY),
    ("homelab_pve_vm.pci_devices.mapping_name", &["${homelab_pve_pci_mapping.m{n}.name}"]),
    ("homelab_pve_vm.pci_devices.mediated_device_type", &["nvidia-63"]),
    // Guests of the lab have no addresses.
    ("homelab_pve_vm.wait_for.address", MADE_ELSEWHERE),
    ("homelab_pve_vm.wait_for.interface_name", MADE_ELSEWHERE),
    ("homelab_pve_vm.wait_for.timeout_seconds", &["20", "30"]),
    ("homelab_pve_vm.cpu.type", &["host", "x86-64-v2-AES", "kvm64", "EPYC-v4"]),
    ("homelab_pve_vm.cpu.cores", &["1", "2", "4"]),
    ("homelab_pve_vm.cpu.sockets", &["1", "2"]),
    ("homelab_pve_vm.cpu.limit", &["0", "1.5", "2"]),
    ("homelab_pve_vm.memory.size_mib", &["16", "512", "1000", "2048"]),
    ("homelab_pve_vm.memory.minimum_mib", &["0", "256", "512"]),
    ("homelab_pve_vm.disks.storage_name", &["local-lvm", "shared"]),
    ("homelab_pve_vm.disks.size_gib", &["1", "2", "4"]),
    (
        "homelab_pve_vm.disks.import_from",
        &["shared:import/debian-13-genericcloud-amd64.qcow2", "${homelab_pve_image.a{n}.volume_id}"],
    ),
    ("homelab_pve_vm.disks.serial", &["abc", "A-1_2.3", "01234567890123456789"]),
    ("disks.limits.total_mib_per_second", FRACTIONS),
    ("disks.limits.total_burst_mib_per_second", FRACTIONS),
    ("disks.limits.read_mib_per_second", FRACTIONS),
    ("disks.limits.read_burst_mib_per_second", FRACTIONS),
    ("disks.limits.write_mib_per_second", FRACTIONS),
    ("disks.limits.write_burst_mib_per_second", FRACTIONS),
    ("homelab_pve_vm.efi_disk.storage_name", &["local-lvm", "shared"]),
    ("homelab_pve_vm.tpm_state.storage_name", &["local-lvm", "shared"]),
    ("homelab_pve_vm.networks.bridge", &["vmbr0", "vmbr1"]),
    ("homelab_pve_vm.networks.rate_mib_per_second", &["0.5", "12.5", "100"]),
    ("homelab_pve_vm.networks.mtu", &["1", "1400", "9000"]),
    ("homelab_pve_vm.cloud_init.storage_name", &["local-lvm", "shared"]),
    ("homelab_pve_vm.cloud_init.user", &["me", "ops.team"]),
    ("homelab_pve_vm.cloud_init.password", &["one secret", "ünother % secret"]),
    ("homelab_pve_vm.cloud_init.search_domain", &["example.com"]),
    ("homelab_pve_vm.cloud_init.name_servers", &["192.0.2.2", "2001:db8::53", "9.9.9.9"]),
    (
        "homelab_pve_vm.cloud_init.ssh_keys",
        &[
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB me@here",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC a name, 100%+\n",
        ],
    ),
    ("ip_configs.ipv4_address", &["192.0.2.9/24", "dhcp"]),
    ("ip_configs.ipv4_gateway", &["192.0.2.1"]),
    ("ip_configs.ipv6_address", &["2001:db8::9/64", "2001:DB8:0::A/64", "dhcp", "auto"]),
    ("ip_configs.ipv6_gateway", &["2001:db8::1", "fe80::1"]),
];

/// The values of the argument at a path of names.
pub fn of(path: &str) -> Option<&'static [&'static str]> {
    let ends_with = |end: &str| {
        path.strip_suffix(end)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.') || end.starts_with('.'))
    };
    TABLE.iter().filter(|(end, _)| ends_with(end)).max_by_key(|(end, _)| end.len()).map(|(_, values)| *values)
}
