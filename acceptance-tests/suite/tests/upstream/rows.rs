//! The resources around the machines.

use super::Row;

const NETWORK: &[(&str, &str)] =
    &[("POST", "/nodes/{node}/network"), ("PUT", "/nodes/{node}/network/{iface}")];
const OPEN_V_SWITCH: (&str, &[&str]) = (
    "belongs to interfaces of Open vSwitch, which are no resource",
    &["ovs_bonds", "ovs_bridge", "ovs_options", "ovs_ports", "ovs_tag"],
);
const SAID_AS_CIDR: (&str, &[&str]) =
    ("the older way to say what `cidr` and `cidr6` say", &["address", "address6", "netmask", "netmask6"]);
const KIND: (&str, &[&str]) = ("the kind of resource tells it", &["type"]);
const ONE_COMMENT: (&str, &[&str]) =
    ("an interface has one text; the web interface shows this one nowhere", &["comments6"]);

/// One row for each.
pub const ROWS: &[Row] = &[
    Row {
        resource: "pve_storage",
        calls: &[("POST", "/storage"), ("PUT", "/storage/{storage}")],
        called: &[],
        left_out: &[
            (
                "belongs to ZFS over iSCSI, which is none of the types here",
                &["comstar_hg", "comstar_tg", "iscsiprovider", "lio_tpg", "nowritecache", "zfs-base-path"],
            ),
            ("belongs to ESXi, from which machines are imported once", &["skip-cert-verification"]),
            ("replaced by `create-base-path` and `create-subdirs`", &["mkdir"]),
            ("no type takes it any more", &["authsupported"]),
        ],
    },
    Row {
        resource: "pve_user",
        calls: &[("POST", "/access/users"), ("PUT", "/access/users/{userid}")],
        called: &[],
        left_out: &[
            ("second factors are enrolled by the user", &["keys"]),
            ("groups are written whole", &["append"]),
        ],
    },
    Row {
        resource: "pve_group",
        calls: &[("POST", "/access/groups"), ("PUT", "/access/groups/{groupid}")],
        called: &[],
        left_out: &[],
    },
    Row {
        resource: "pve_role",
        calls: &[("POST", "/access/roles"), ("PUT", "/access/roles/{roleid}")],
        called: &[],
        left_out: &[("privileges are written whole", &["append"])],
    },
    Row { resource: "pve_acl", calls: &[("PUT", "/access/acl")], called: &[], left_out: &[] },
    Row {
        resource: "pve_token",
        calls: &[
            ("POST", "/access/users/{userid}/token/{tokenid}"),
            ("PUT", "/access/users/{userid}/token/{tokenid}"),
        ],
        called: &[],
        left_out: &[("a new secret is a new `rotation_id`, which leaves the old one valid", &["regenerate"])],
    },
    Row {
        resource: "pve_node",
        calls: &[
            ("PUT", "/nodes/{node}/config"),
            ("PUT", "/nodes/{node}/dns"),
            ("PUT", "/nodes/{node}/time"),
            ("POST", "/nodes/{node}/hosts"),
        ],
        called: &[("acmedomain[n]", &["acmedomainN"]), ("dns2", &["dns1"]), ("dns3", &["dns1"])],
        left_out: &[],
    },
    Row {
        resource: "pve_cluster_options",
        calls: &[("PUT", "/cluster/options")],
        called: &[],
        left_out: &[("replaced by `migration`", &["migration_unsecure"])],
    },
    Row {
        resource: "pve_ha_resource",
        calls: &[
            ("POST", "/cluster/ha/resources"),
            ("PUT", "/cluster/ha/resources/{sid}"),
            ("DELETE", "/cluster/ha/resources/{sid}"),
        ],
        called: &[],
        left_out: &[
            ("Proxmox VE 9 has rules instead of groups: `homelab_pve_ha_rule`", &["group"]),
            ("rules are resources of their own", &["purge"]),
            ("the service's id tells it", &["type"]),
        ],
    },
    Row {
        resource: "pve_ha_rule",
        calls: &[("POST", "/cluster/ha/rules"), ("PUT", "/cluster/ha/rules/{rule}")],
        called: &[],
        left_out: &[],
    },
    Row {
        resource: "pve_replication_job",
        calls: &[
            ("POST", "/cluster/replication"),
            ("PUT", "/cluster/replication/{id}"),
            ("DELETE", "/cluster/replication/{id}"),
        ],
        called: &[],
        left_out: &[
            ("there is one type", &["type"]),
            ("Proxmox VE tracks where the guest is itself", &["source"]),
            ("how a job is deleted is settled: with its copies", &["force", "keep", "remove_job"]),
        ],
    },
    Row {
        resource: "pve_snapshot",
        calls: &[
            ("POST", "/nodes/{node}/qemu/{vmid}/snapshot"),
            ("PUT", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config"),
        ],
        called: &[],
        left_out: &[("the machine tells it", &["node"])],
    },
    Row {
        resource: "pve_backup_job",
        calls: &[("POST", "/cluster/backup"), ("PUT", "/cluster/backup/{id}")],
        called: &[],
        left_out: &[
            ("the older way to say what `schedule` says", &["dow", "starttime"]),
            ("stops a backup that runs, and is no setting of a job", &["stop"]),
            ("quiets a command at a terminal, and is no setting of a job", &["quiet"]),
        ],
    },
    Row {
        resource: "pve_bridge",
        calls: NETWORK,
        called: &[],
        left_out: &[
            OPEN_V_SWITCH,
            SAID_AS_CIDR,
            KIND,
            ONE_COMMENT,
            ("belongs to bonds", &["bond-primary", "bond_mode", "bond_xmit_hash_policy", "slaves"]),
            ("belongs to VLANs", &["vlan-id", "vlan-raw-device"]),
        ],
    },
    Row {
        resource: "pve_vlan",
        calls: NETWORK,
        called: &[],
        left_out: &[
            OPEN_V_SWITCH,
            SAID_AS_CIDR,
            KIND,
            ONE_COMMENT,
            ("belongs to bonds", &["bond-primary", "bond_mode", "bond_xmit_hash_policy", "slaves"]),
            ("belongs to bridges", &["bridge_ports", "bridge_vids", "bridge_vlan_aware"]),
        ],
    },
    Row {
        resource: "pve_bond",
        calls: NETWORK,
        called: &[],
        left_out: &[
            OPEN_V_SWITCH,
            SAID_AS_CIDR,
            KIND,
            ONE_COMMENT,
            ("belongs to bridges", &["bridge_ports", "bridge_vids", "bridge_vlan_aware"]),
            ("belongs to VLANs", &["vlan-id", "vlan-raw-device"]),
        ],
    },
    Row {
        resource: "pve_pci_mapping",
        calls: &[("POST", "/cluster/mapping/pci"), ("PUT", "/cluster/mapping/pci/{id}")],
        called: &[],
        left_out: &[],
    },
    Row {
        resource: "pve_usb_mapping",
        calls: &[("POST", "/cluster/mapping/usb"), ("PUT", "/cluster/mapping/usb/{id}")],
        called: &[],
        left_out: &[],
    },
    Row {
        resource: "pve_dir_mapping",
        calls: &[("POST", "/cluster/mapping/dir"), ("PUT", "/cluster/mapping/dir/{id}")],
        called: &[],
        left_out: &[],
    },
    Row {
        resource: "pve_zfs_pool",
        calls: &[("POST", "/nodes/{node}/disks/zfs"), ("DELETE", "/nodes/{node}/disks/zfs/{name}")],
        called: &[],
        left_out: &[("storages are resources of their own", &["add_storage", "cleanup-config"])],
    },
    Row {
        resource: "pve_pool",
        calls: &[("POST", "/pools"), ("PUT", "/pools")],
        called: &[],
        left_out: &[
            ("a machine says itself which pool it is in", &["vms"]),
            ("a machine of another pool stays where it is", &["allow-move"]),
            ("what a storage allows is granted on the storage", &["storage"]),
        ],
    },
    Row {
        resource: "pve_image",
        calls: &[
            ("POST", "/nodes/{node}/storage/{storage}/download-url"),
            ("POST", "/nodes/{node}/storage/{storage}/upload"),
        ],
        called: &[("checksum-algorithm", &["checksum"])],
        left_out: &[("where the service keeps what it receives", &["tmpfilename"])],
    },
];
