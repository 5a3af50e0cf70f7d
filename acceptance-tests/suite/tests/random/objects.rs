//! The objects that one lab can hold together, by the part of the lab that they are about.

use serde_json::{Value as Json, json};

/// An object of a family, and what it does not leave to chance.
pub struct Sketch {
    /// Type of the resource.
    pub kind: &'static str,
    /// Name of the resource block; in a batch, objects of the same address are one.
    pub label: String,
    /// How likely it is there when nothing refers to it.
    pub likely: f64,
    /// What is the same before and after the change; `null` keeps an argument out.
    pub fixed: Json,
}

fn sketch(kind: &'static str, label: impl Into<String>, likely: f64, fixed: Json) -> Sketch {
    Sketch { kind, label: label.into(), likely, fixed }
}

/// Parts of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Machines and what belongs to them.
    Machines,
    /// Data disks and the machines that use them.
    DataDisks,
    /// Users and what they may do.
    Access,
    /// Storages and images.
    Storages,
    /// Networks of nodes.
    Networks,
    /// Options of nodes and of the cluster, mappings, pools.
    Cluster,
    /// Tiers and jobs.
    Backups,
}

impl Family {
    /// Every part.
    pub const ALL: [Self; 7] = [
        Self::Machines,
        Self::DataDisks,
        Self::Access,
        Self::Storages,
        Self::Networks,
        Self::Cluster,
        Self::Backups,
    ];

    /// Its objects, each after those that it may refer to. Copies have other names and numbers, so that several can be
    /// in one lab.
    pub fn sketches(self, copy: usize) -> Vec<Sketch> {
        match self {
            Self::Machines => machines(copy),
            Self::DataDisks => data_disks(copy),
            Self::Access => access(copy),
            Self::Storages => storages(copy),
            Self::Networks => networks(copy),
            Self::Cluster => cluster(copy),
            Self::Backups => backups(copy),
        }
    }
}

fn pools(n: usize) -> Vec<Sketch> {
    ["a", "b"]
        .map(|label| {
            sketch(
                "homelab_pve_pool",
                format!("{label}{n}"),
                0.1,
                json!({"name": format!("pool-{label}-{n}")}),
            )
        })
        .into()
}

fn image(n: usize, likely: f64) -> Sketch {
    let fixed =
        json!({"node_name": "pve1", "source_file": "${path.module}/image.raw", "allow_unverified": true});
    sketch("homelab_pve_image", format!("a{n}"), likely, fixed)
}

/// One that every node sees.
fn shared_image(n: usize, likely: f64) -> Sketch {
    let mut image = image(n, likely);
    image.fixed["storage_name"] = json!("shared");
    image
}

#[expect(clippy::too_many_lines, reason = "one table of arguments")]
fn machines(n: usize) -> Vec<Sketch> {
    let id = |offset: usize| 1000 + 20 * n + offset;
    let vm = |label: &str, likely: f64, fixed: Json| {
        sketch("homelab_pve_vm", format!("{label}{n}"), likely, fixed)
    };
    let managed = |label: &str| {
        let fixed = json!({"service_id": format!("vm:${{homelab_pve_vm.{label}{n}.vm_id}}")});
        sketch("homelab_pve_ha_resource", format!("{label}{n}"), 0.05, fixed)
    };
    // What has a snapshot keeps its devices, and what the manager or a job has keeps its node.
    let still = |offset: usize| {
        json!({
            "vm_id": id(offset), "node_name": "pve1", "started": false, "template": null, "disks": null, "efi_disk": null,
            "tpm_state": null, "cdroms": null, "cloud_init": null, "data_disks": null, "protection": null, "nodes": null,
        })
    };
    let template = json!({
        "vm_id": id(4), "node_name": "pve1", "template": true, "name": format!("template-{n}"),
        "disks": {"scsi0": {"storage_name": "shared", "size_gib": 1}},
    });
    let only = [
        "acpi",
        "audio",
        "display",
        "hotplug",
        "hook_script",
        "state_storage_name",
        "kvm_arguments",
        "keyboard_layout",
        "kvm",
        "local_time",
        "rng",
        "serial_ports",
        "startup",
        "tablet",
        "usb_devices",
        "virtiofs",
        "watchdog",
        "nodes",
        "pci_devices",
        "wait_for",
        "started",
        "tags",
        "description",
        "pool_name",
        "protection",
        "start_on_boot",
        "bios",
        "machine",
        "os_type",
        "scsi_hardware",
        "boot_order",
        "cpu",
        "memory",
        "agent",
        "data_disks",
        "cdroms",
        "networks",
        "efi_disk",
        "tpm_state",
        "cloud_init",
    ];
    let template = without(template, &only);
    let mut all = pools(n);
    all.push(shared_image(n, 0.05));
    all.extend([
        sketch("homelab_pve_pci_mapping", format!("m{n}"), 0.0, json!({"name": format!("card-{n}")})),
        sketch("homelab_pve_usb_mapping", format!("m{n}"), 0.0, json!({"name": format!("stick-{n}")})),
        sketch("homelab_pve_dir_mapping", format!("m{n}"), 0.0, json!({"name": format!("media-{n}")})),
        vm("t", 0.0, template),
        vm("x", 0.9, json!({"vm_id": id(0), "data_disks": null})),
        vm("c", 0.2, json!({"vm_id": id(1), "data_disks": null, "template": null})),
        vm("s", 0.05, still(2)),
        vm("r", 0.05, still(3)),
        vm("h", 0.0, still(5)),
        vm("i", 0.0, still(6)),
        managed("h"),
        managed("i"),
        sketch("homelab_pve_ha_rule", format!("a{n}"), 0.1, json!({"name": format!("rule-{n}")})),
        sketch("homelab_pve_snapshot", format!("a{n}"), 0.1, json!({"name": format!("snap-{n}")})),
        sketch(
            "homelab_pve_replication_job",
            format!("a{n}"),
            0.1,
            json!({"job_id": format!("${{homelab_pve_vm.r{n}.vm_id}}-0")}),
        ),
    ]);
    all
}

/// An object with these arguments kept out.
fn without(mut fixed: Json, names: &[&str]) -> Json {
    for name in names {
        fixed[name] = Json::Null;
    }
    fixed
}

fn tiers(likely: f64) -> Vec<Sketch> {
    (0..=4)
        .map(|number| {
            sketch("homelab_backup_tier", format!("tier{number}"), likely, json!({"number": number}))
        })
        .collect()
}

fn data_disks(n: usize) -> Vec<Sketch> {
    let id = |offset: usize| 3000 + 20 * n + offset;
    let vm = |label: &str, fixed: Json| sketch("homelab_pve_vm", format!("{label}{n}"), 0.5, fixed);
    let disk = |label: &str| {
        let fixed = json!({"name": format!("disk-{label}-{n}"), "deletion_protection": false});
        sketch("homelab_pve_data_disk", format!("{label}{n}"), 0.3, fixed)
    };
    let mut all = pools(n);
    all.extend(tiers(0.0));
    all.push(shared_image(n, 0.0));
    all.extend([disk("a"), disk("b")]);
    let user = |offset: usize| {
        let plain = json!({"vm_id": id(offset), "node_name": "pve1", "clone": null, "template": null});
        without(
            plain,
            &[
                "efi_disk",
                "tpm_state",
                "protection",
                "description",
                "cpu",
                "nodes",
                "pci_devices",
                "usb_devices",
                "virtiofs",
            ],
        )
    };
    all.extend([vm("u", user(0)), vm("v", user(1))]);
    all
}

fn access(n: usize) -> Vec<Sketch> {
    vec![
        sketch("homelab_pve_role", format!("a{n}"), 0.4, json!({"name": format!("Role{n}")})),
        sketch("homelab_pve_group", format!("a{n}"), 0.3, json!({"name": format!("group-a.{n}")})),
        sketch("homelab_pve_group", format!("b{n}"), 0.3, json!({"name": format!("group_b{n}")})),
        sketch("homelab_pve_user", format!("a{n}"), 0.5, json!({"user_id": format!("anna{n}@pve")})),
        sketch(
            "homelab_pve_token",
            format!("a{n}"),
            0.4,
            json!({"user_id": format!("${{homelab_pve_user.a{n}.user_id}}"), "name": "deploy"}),
        ),
        sketch("homelab_pve_acl", format!("a{n}"), 0.6, json!({})),
    ]
}

fn storages(n: usize) -> Vec<Sketch> {
    let storage = |label: &str| {
        sketch("homelab_pve_storage", format!("{label}{n}"), 0.7, json!({"name": format!("s{label}{n}")}))
    };
    vec![storage("a"), storage("b"), image(n, 0.3)]
}

fn networks(n: usize) -> Vec<Sketch> {
    let on = |kind, likely, name: String, rest: Json| {
        let mut fixed = json!({"node_name": "pve2", "name": name});
        fixed.as_object_mut().expect("an object").extend(rest.as_object().cloned().unwrap_or_default());
        sketch(kind, format!("a{n}"), likely, fixed)
    };
    vec![
        on("homelab_pve_bond", 0.5, format!("bond{n}"), json!({})),
        on("homelab_pve_bridge", 0.6, format!("vmbr1{n}"), json!({})),
        on("homelab_pve_vlan", 0.6, format!("storage{n}"), json!({"parent": "vmbr0", "vlan_id": 30 + n})),
        sketch(
            "homelab_pve_vlan",
            format!("b{n}"),
            0.3,
            json!({"node_name": "pve3", "name": format!("eno1.{}", 40 + n), "parent": null, "vlan_id": null}),
        ),
    ]
}

fn cluster(n: usize) -> Vec<Sketch> {
    let mapping = |kind| sketch(kind, format!("a{n}"), 0.4, json!({"name": format!("map-{n}")}));
    let mut all = pools(n);
    all.extend([
        sketch("homelab_pve_node", "pve3", 0.5, json!({"name": "pve3"})),
        sketch("homelab_pve_cluster_options", "this", 0.6, json!({})),
        mapping("homelab_pve_pci_mapping"),
        mapping("homelab_pve_usb_mapping"),
        mapping("homelab_pve_dir_mapping"),
        sketch(
            "homelab_pve_zfs_pool",
            format!("a{n}"),
            0.2,
            json!({
                "name": format!("tank{n}"), "node_name": "pve2", "raid_level": "mirror", "devices": ["/dev/sdb", "/dev/sdc"],
                "deletion_protection": false,
            }),
        ),
    ]);
    all
}

fn backups(n: usize) -> Vec<Sketch> {
    let mut all = pools(n);
    all.extend(tiers(0.2));
    all.push(sketch("homelab_pve_backup_job", format!("a{n}"), 0.6, json!({"job_id": format!("job-{n}")})));
    let schedules = [1, 3].map(|number| {
        let of = |name: &str| format!("${{homelab_backup_tier.tier{number}.{name}}}");
        let tier = json!({
            "number": of("number"), "pool_name": of("pool_name"), "schedule": of("schedule"),
            "prune_backups": of("prune_backups"),
        });
        let fixed = json!({"tier": tier, "job_id": format!("job-{n}-{number}")});
        sketch("homelab_backup_schedule", format!("s{number}{n}"), 0.3, fixed)
    });
    all.extend(schedules);
    all
}
