//! What Proxmox VE refuses is told when planning, at its argument, and not by an apply half-way. With every CLI.

use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn resource(kind: &str, label: &str, body: &str) -> String {
    format!("resource \"homelab_pve_{kind}\" \"{label}\" {{\n{body}\n}}\n")
}

/// A kind, the arguments with one mistake among them, and what is said of it.
const VALUES: &[(&str, &str, &str)] = &[
    ("user", "user_id = \"a@pve\"\nexpires_at = \"tomorrow\"", "a time such as 2030-01-01T00:00:00Z"),
    ("storage", "name = \"ss\"\ndir = { path = \"srv\" }", "`dir.path`"),
    (
        "storage",
        "name = \"ss\"\ndir = { path = \"/srv\", content_folders = { disks = \"x\" } }",
        "There is no kind of content \"disks\"",
    ),
    (
        "storage",
        "name = \"ss\"\ndir = { path = \"/srv\", content_folders = { iso = \"../x\" } }",
        "The text \"../x\" is no folder",
    ),
    (
        "storage",
        "name = \"ss\"\nbtrfs = { path = \"/b\", is_mountpoint = \"maybe\" }",
        "`btrfs.is_mountpoint`",
    ),
    ("storage", "name = \"ss\"\nzfspool = { pool = \"tank\", block_size = \"17k\" }", "`zfspool.block_size`"),
    ("storage", "name = \"ss\"\nnfs = { server = \"a b\", export = \"/x\" }", "`nfs.server`"),
    (
        "storage",
        "name = \"ss\"\nnfs = { server = \"nas\", export = \"/x\", options = \"ro, soft\" }",
        "`nfs.options`",
    ),
    ("storage", "name = \"ss\"\ncifs = { server = \"nas\", share = \"\" }", "`cifs.share`"),
    ("storage", "name = \"ss\"\ncephfs = { monitors = [\"a b\"] }", "`cephfs.monitors"),
    ("storage", "name = \"ss\"\nlvm = { volume_group = \"-vg\" }", "`lvm.volume_group`"),
    (
        "storage",
        "name = \"ss\"\nlvmthin = { volume_group = \"vg\", thin_pool = \"\" }",
        "`lvmthin.thin_pool`",
    ),
    ("storage", "name = \"ss\"\niscsi = { portal = \"\", target = \"t\" }", "`iscsi.portal`"),
    ("storage", "name = \"ss\"\npbs = { server = \"pbs\", datastore = \"\" }", "`pbs.datastore`"),
    ("storage", "name = \"ss\"\nrbd = { pool = \"\" }", "`rbd.pool`"),
    ("cluster_options", "email_from = \"nobody\"", "an e-mail address"),
    ("cluster_options", "mac_prefix = \"01:00:00\"", "of which the first is even"),
    ("cluster_options", "registered_tags = [\"a b\"]", "The element \"a b\" is not."),
    ("cluster_options", "tag_style = { colors = { \"a b\" = \"ff0000\" } }", "The text \"a b\" is no tag"),
    ("cluster_options", "tag_style = { colors = { prod = \"red\" } }", "This is the element \"prod\"."),
    (
        "cluster_options",
        "user_tag_access = { user_allow_list = [\"a b\"] }",
        "`user_tag_access.user_allow_list",
    ),
    ("cluster_options", "webauthn = { relying_party = \"a,b\" }", "`webauthn.relying_party`"),
    ("cluster_options", "description = <<-EOT\n  notes\nEOT", "around a heredoc"),
    (
        "node",
        "name = \"pve1\"\ndns = { search_domain = \"x\", servers = [\"x\"] }",
        "must be an IP address. The element \"x\" is not.",
    ),
    (
        "node",
        "name = \"pve1\"\nwake_on_lan = { mac_address = \"BC:24:11:00:00:09\", bind_interface = \"a b\" }",
        "`wake_on_lan.bind_interface`",
    ),
    (
        "node",
        "name = \"pve1\"\nwake_on_lan = { mac_address = \"BC:24:11:00:00:09\", broadcast_address = \"x\" }",
        "`wake_on_lan.broadcast_address`",
    ),
    ("node", "name = \"pve1\"\nacme = { account_name = \"a b\" }", "`acme.account_name`"),
    (
        "usb_mapping",
        "name = \"stick\"\ndevices = [{ node_name = \"pve1\", device_id = \"0403:6001\" }, { node_name = \"pve1\", \
         device_id = \"0403:6002\" }]",
        "The node \"pve1\" has a device already",
    ),
    (
        "zfs_pool",
        "node_name = \"pve1\"\nname = \"tank\"\nraid_level = \"mirror\"\ndevices = [\"/dev/sdb\", \"/dev/sdb\"]",
        "The disk \"/dev/sdb\" is in this list already",
    ),
];

#[test]
fn values_that_proxmox_refuses_are_refused_at_their_argument() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let label = |index: usize| format!("case{index}");
        let all: String = VALUES
            .iter()
            .enumerate()
            .map(|(index, (kind, body, _))| resource(kind, &label(index), body))
            .collect();
        workspace.configure(&lab.provider_block(), &all);
        let plan = workspace.plan().failed().prose();
        for (index, (kind, body, said)) in VALUES.iter().enumerate() {
            let blamed = format!("with homelab_pve_{kind}.{},", label(index));
            assert!(plan.contains(&blamed) && plan.contains(said), "{body}\n{plan}");
        }
        assert_eq!(lab.writes(), 0);
    });
}

#[test]
fn what_only_this_cluster_refuses_is_a_plan_error() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        lab.request("POST", "/api2/json/nodes/pve1/qemu", Some("{\"vmid\":300}"));
        let made = lab.writes();
        for (kind, body, said) in [
            ("role", "name = \"pveOps\"\nprivileges = []", "refuses a new role \"pveOps\""),
            (
                "replication_job",
                "job_id = \"300-0\"\ntarget_node_name = \"pve1\"",
                "Guest 300 is on node \"pve1\"",
            ),
            (
                "ha_rule",
                "name = \"r1\"\ntype = \"node-affinity\"\nservice_ids = [\"vm:300\"]\nnode_priorities = { pve9 = 1 }",
                "The cluster has no node \"pve9\". It has \"pve1\", \"pve2\", \"pve3\".",
            ),
        ] {
            workspace.configure(&lab.provider_block(), &resource(kind, "this", body));
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains(said), "{plan}");
        }
        assert_eq!(lab.writes(), made);
    });
}

#[test]
fn what_has_to_be_made_before_is_a_warning() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (kind, body, said) in [
            ("user", "user_id = \"anna@nowhere\"", "There is no realm \"nowhere\""),
            (
                "acl",
                "path = \"/nope\"\nrole = \"PVEAuditor\"\nuser_id = \"root@pam\"",
                "knows no path such as \"/nope\"",
            ),
            ("acl", "path = \"/vms/99\"\nrole = \"PVEAuditor\"\nuser_id = \"root@pam\"", "Path is not known"),
            ("pool", "name = \"nowhere/web\"", "There is no pool \"nowhere\""),
            ("snapshot", "vm_id = 999\nname = \"before\"", "There is no guest \"999\""),
            ("ha_resource", "service_id = \"vm:999\"", "There is no guest \"999\""),
            (
                "replication_job",
                "job_id = \"999-0\"\ntarget_node_name = \"pve2\"",
                "There is no guest \"999\"",
            ),
            (
                "ha_rule",
                "name = \"r1\"\ntype = \"node-affinity\"\nservice_ids = [\"vm:999\"]\nnode_priorities = { pve1 = 1 }",
                "There is no HA resource \"vm:999\"",
            ),
        ] {
            workspace.configure(&lab.provider_block(), &resource(kind, "this", body));
            let plan = workspace.plan();
            assert_eq!(plan.code, Some(2), "{}", plan.text);
            let plan = plan.prose();
            assert!(plan.contains(said), "{said}\n{plan}");
        }
        // Nobody is warned of what the same run makes first.
        let made = "resource \"homelab_pve_vm\" \"vm\" {\n  vm_id = 300\n  node_name = \"pve1\"\n  started = false\n}\n\
                    resource \"homelab_pve_ha_resource\" \"vm\" {\n  service_id = \
                    \"vm:${homelab_pve_vm.vm.vm_id}\"\n  state = \"ignored\"\n}\n\
                    resource \"homelab_pve_ha_rule\" \"r\" {\n  name = \"r1\"\n  type = \"node-affinity\"\n  service_ids = \
                    [homelab_pve_ha_resource.vm.service_id]\n  node_priorities = { pve1 = 1 }\n}\n\
                    resource \"homelab_pve_snapshot\" \"s\" {\n  vm_id = homelab_pve_vm.vm.vm_id\n  name = \
                    \"before\"\n}\n\
                    resource \"homelab_pve_pool\" \"web\" {\n  name = \"web\"\n}\n\
                    resource \"homelab_pve_pool\" \"in\" {\n  name = \"${homelab_pve_pool.web.name}/in\"\n}\n\
                    resource \"homelab_pve_user\" \"anna\" {\n  user_id = \"anna@pve\"\n}\n";
        workspace.configure(&lab.provider_block(), made);
        let plan = workspace.plan().prose();
        assert!(!plan.contains("does not exist"), "{plan}");
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn the_prefix_that_the_cluster_has_anyway_is_no_choice_of_anybody() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let options = resource("cluster_options", "this", "mac_prefix = \"02:00:00\"");
        workspace.configure(&lab.provider_block(), &options);
        let plan = workspace.plan().prose();
        assert!(!plan.contains("Option is set already"), "{plan}");
        lab.request("PUT", "/api2/json/cluster/options", Some("{\"mac_prefix\":\"06:00:00\"}"));
        let plan = workspace.plan().prose();
        assert!(plan.contains("The cluster has `mac_prefix` set to \"06:00:00\" now"), "{plan}");
    });
}

#[test]
fn an_import_from_a_node_that_is_not_there_names_the_node() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let node = resource("node", "this", "name = \"pve9\"");
        workspace.configure(&lab.provider_block(), &node);
        let said = workspace.import("homelab_pve_node.this", "pve9").failed().prose();
        assert!(said.contains("Node does not exist") && said.contains("pve9"), "{said}");
        let said = workspace.import("homelab_pve_node.this", "pve 9").failed().prose();
        assert!(said.contains("The ID \"pve 9\" cannot be used: \"pve 9\" is not a node name"), "{said}");
    });
}
