//! Bridges, VLANs and bonds of a node, with every CLI: applied together, and taken back together.

use suite::cycle::{live, names};
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn resource(kind: &str, name: &str, body: &str) -> String {
    format!("resource \"homelab_pve_{kind}\" \"{name}\" {{\n  node_name = \"pve2\"\n{body}\n}}\n")
}

fn interfaces(lab: &Lab) -> Vec<String> {
    names(lab, "/api2/json/nodes/pve2/network", "iface")
}

fn nothing_left(lab: &Lab) {
    assert_eq!(interfaces(lab), ["eno1", "vmbr0"]);
    assert!(lab.get("/api2/json/nodes/pve2/network")["changes"].is_null(), "something is still staged");
}

#[test]
fn a_bridge_lives_and_leaves_nothing() {
    let bridge = |body: &str| resource("bridge", "this", &format!("name = \"vmbr7\"\n{body}"));
    live(
        &[
            bridge(""),
            bridge("ipv4_cidr = \"198.51.100.1/24\"\nmtu = 1400\ncomment = \"tf\"\nvlan_aware = true"),
            bridge(
                "ipv4_cidr = \"198.51.100.2/24\"\ncomment = \"other\"\nvlan_aware = true\nvlan_ids = \"10 20 30-40\"",
            ),
            bridge("ipv6_cidr = \"2001:db8::1/64\"\nipv6_gateway = \"2001:db8::ff\"\nautostart = false"),
        ],
        &[("homelab_pve_bridge.this", "pve2/vmbr7")],
        nothing_left,
    );
}

#[test]
fn a_vlan_lives_and_leaves_nothing() {
    let vlan = |body: &str| resource("vlan", "this", body);
    live(
        &[
            vlan("name = \"vmbr0.30\""),
            vlan("name = \"vmbr0.30\"\nipv4_cidr = \"203.0.113.2/24\"\ncomment = \"c\""),
            vlan("name = \"storage\"\nvlan_id = 31\nparent = \"vmbr0\""),
            vlan(
                "name = \"storage\"\nvlan_id = 32\nparent = \"vmbr0\"\nmtu = 9000\nautostart = false\nipv6_cidr = \
                 \"2001:db8::2/64\"\nipv6_gateway = \"2001:db8::ff\"",
            ),
        ],
        &[("homelab_pve_vlan.this", "pve2/storage")],
        nothing_left,
    );
}

#[test]
fn a_bond_lives_and_leaves_nothing() {
    let bond = |body: &str| resource("bond", "this", &format!("name = \"bond0\"\n{body}"));
    live(
        &[
            bond("interfaces = [\"eno2\"]"),
            bond("interfaces = [\"eno2\", \"eno3\"]\nmode = \"active-backup\"\nprimary = \"eno3\""),
            bond(
                "interfaces = [\"eno2\", \"eno3\"]\nmode = \"802.3ad\"\ntransmit_hash_policy = \"layer3+4\"\ncomment = \
                 \"c\"\nautostart = false\nmtu = 9000\nipv6_cidr = \"2001:db8::3/64\"\nipv6_gateway = \"2001:db8::ff\"",
            ),
            bond("interfaces = [\"eno2\"]\nipv4_cidr = \"198.51.100.3/24\""),
        ],
        &[("homelab_pve_bond.this", "pve2/bond0")],
        nothing_left,
    );
}

#[test]
fn the_nodes_own_bridge_is_imported_and_gives_its_gateway_to_others() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let own = |gateway: &str| {
            let body = "name = \"vmbr0\"\nports = [\"eno1\"]\nipv4_cidr = \"192.0.2.12/24\"";
            resource("bridge", "own", &format!("{body}\n{gateway}"))
        };
        let lives = |configuration: &str| {
            workspace.configure(&lab.provider_block(), configuration);
            workspace.apply().ok();
            workspace.plan_is_empty();
        };
        workspace.configure(&lab.provider_block(), &own("ipv4_gateway = \"192.0.2.1\""));
        workspace.import("homelab_pve_bridge.own", "pve2/vmbr0").ok();
        workspace.plan_is_empty();
        lives(&own("ipv4_gateway = \"192.0.2.254\""));
        for (kind, body) in [
            ("bridge", "name = \"vmbr7\""),
            ("vlan", "name = \"storage\"\nvlan_id = 31\nparent = \"vmbr0\""),
            ("bond", "name = \"bond0\"\ninterfaces = [\"eno2\"]"),
        ] {
            // Only one interface of a node may have it, so the one that gives it goes first.
            for (address, gateway) in [("1", "254"), ("2", "253")] {
                let with = format!(
                    "{body}\nipv4_cidr = \"198.51.100.{address}/24\"\nipv4_gateway = \"198.51.100.{gateway}\"\ncomment = \
                     \"c{address}\"\nmtu = 140{address}\nipv6_cidr = \"2001:db8::{address}/64\"\nipv6_gateway = \
                     \"2001:db8::{gateway}\"\ndepends_on = [homelab_pve_bridge.own]"
                );
                lives(&(own("") + &resource(kind, "other", &with)));
            }
            lives(&own(""));
        }
        lives(&own("ipv4_gateway = \"192.0.2.1\""));
        workspace.forget("homelab_pve_bridge.own").ok();
        nothing_left(&lab);
    });
}

/// How often the network of the node was applied.
fn applies(lab: &Lab) -> usize {
    let is_apply = |call: &&serde_json::Value| {
        call["method"] == "PUT" && call["path"] == "/api2/json/nodes/pve2/network"
    };
    lab.wire().iter().filter(is_apply).count()
}

#[test]
fn changes_that_do_not_depend_on_each_other_share_one_apply() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let many = |mtu: u32| {
            format!(
                "resource \"homelab_pve_bridge\" \"many\" {{\n  count = 6\n  node_name = \"pve2\"\n  name = \
                 \"vmbr${{10 + count.index}}\"\n  mtu = {mtu}\n}}\n"
            )
        };
        for (applied, mtu) in [(1, 1400), (2, 1500)] {
            workspace.configure(&lab.provider_block(), &many(mtu));
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!(applies(&lab), applied);
        }
        // A bridge on a bond has to wait for it.
        let chain = resource("bond", "b", "name = \"bond0\"\ninterfaces = [\"eno2\"]")
            + &resource("bridge", "v", "name = \"vmbr9\"\nports = [homelab_pve_bond.b.name]");
        workspace.configure(&lab.provider_block(), &(many(1500) + &chain));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(applies(&lab), 4);
        workspace.destroy().ok();
        nothing_left(&lab);
    });
}

#[test]
fn a_failed_apply_takes_back_every_change_of_the_batch() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let first = resource("bridge", "old", "name = \"vmbr7\"\nmtu = 1400");
        workspace.configure(&lab.provider_block(), &first);
        workspace.apply().ok();
        let before = lab.get("/api2/json/nodes/pve2/network")["data"].clone();
        let fault = "{\"faults\":[{\"kind\":\"task_fails\",\"method\":\"PUT\",\"path\":\"/nodes/pve2/network\",\"message\":\"command \
                     'ifreload -a' failed: exit code 1\"}]}";
        lab.request("POST", "/lab/faults", Some(fault));
        let changed = resource("bridge", "old", "name = \"vmbr7\"\nmtu = 1500")
            + &resource("bridge", "new", "name = \"vmbr8\"");
        workspace.configure(&lab.provider_block(), &changed);
        let said = workspace.apply().failed().prose();
        assert!(said.contains("Network was not applied") && said.contains("were taken back"), "{said}");
        assert_eq!(lab.get("/api2/json/nodes/pve2/network")["data"], before);
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        nothing_left(&lab);
    });
}

#[test]
fn changes_that_somebody_else_has_staged_are_never_applied() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request(
            "POST",
            "/api2/json/nodes/pve2/network",
            Some("{\"iface\":\"vmbr99\",\"type\":\"bridge\"}"),
        );
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &resource("bridge", "this", "name = \"vmbr7\""));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("Network has staged changes") && said.contains("vmbr99"), "{said}");
        assert_eq!(applies(&lab), 0);
    });
}

#[test]
fn what_an_interrupted_apply_has_staged_is_told_and_never_taken_for_applied() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let network = "/api2/json/nodes/pve2/network";
        let bridge = |mtu: u32| resource("bridge", "this", &format!("name = \"vmbr7\"\nmtu = {mtu}"));
        let wants = |mtu: u32| workspace.configure(&lab.provider_block(), &bridge(mtu));
        let told = |what: &str| {
            let said = workspace.plan().failed().prose();
            assert!(said.contains("Network has staged changes") && said.contains(what), "{said}");
            assert!(said.contains("pvesh delete /nodes/pve2/network"), "{said}");
        };
        wants(1400);
        workspace.apply().ok();
        // A run that wanted 1500 died before it applied that.
        let change = "{\"type\":\"bridge\",\"mtu\":1500,\"autostart\":1}";
        lab.request("PUT", &format!("{network}/vmbr7"), Some(change));
        wants(1500);
        told("mtu 1500");
        wants(1400);
        workspace.plan_is_empty();
        lab.request("DELETE", network, None);
        wants(1500);
        workspace.apply().ok();
        workspace.plan_is_empty();
        // Another one was about to delete it.
        lab.request("DELETE", &format!("{network}/vmbr7"), None);
        workspace.plan_is_empty();
        let said = workspace.destroy().failed().prose();
        assert!(said.contains("Network has staged changes"), "{said}");
        lab.request("DELETE", network, None);
        workspace.destroy().ok();
        nothing_left(&lab);
    });
}

#[test]
fn an_apply_that_cuts_its_own_connection_for_a_while_is_waited_for() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let fault = |kind: &str, method: &str, path: &str, times: u32| {
            lab.plant(&serde_json::json!({"kind": kind, "method": method, "path": path, "times": times}));
        };
        workspace.configure(&lab.provider_block(), &resource("bridge", "this", "name = \"vmbr7\""));
        // The answer is lost, and nobody answers for longer than a call is repeated by itself.
        fault("reply_lost", "PUT", "/nodes/pve2/network", 1);
        fault("cut", "PUT", "/nodes/pve2/network", 9);
        fault("cut", "GET", "/nodes/pve2/tasks/**", 9);
        workspace.apply().ok();
        workspace.plan_is_empty();
        // Nor is a change lost, or made twice, whose staging got no answer.
        workspace
            .configure(&lab.provider_block(), &resource("bridge", "this", "name = \"vmbr7\"\nmtu = 1400"));
        fault("reply_lost", "PUT", "/nodes/pve2/network/vmbr7", 1);
        workspace.apply().ok();
        workspace.plan_is_empty();
        fault("reply_lost", "DELETE", "/nodes/pve2/network/vmbr7", 1);
        workspace.destroy().ok();
        nothing_left(&lab);
        fault("reply_lost", "POST", "/nodes/pve2/network", 1);
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        nothing_left(&lab);
    });
}

#[test]
fn an_interface_of_someone_else_is_not_adopted() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &resource("bridge", "this", "name = \"vmbr0\""));
        let said = workspace.apply().failed().prose();
        assert!(said.contains("tofu import homelab_pve_bridge.<name> pve2/vmbr0"), "{said}");
        nothing_left(&lab);
    });
}

#[test]
fn what_the_other_interfaces_of_a_node_do_not_allow_is_told_by_the_plan() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let bridge = |body: &str| resource("bridge", "this", &format!("name = \"vmbr7\"\n{body}"));
        let gateway = bridge("ipv4_cidr = \"198.51.100.1/24\"\nipv4_gateway = \"198.51.100.254\"");
        for (configuration, said) in [
            (resource("bridge", "this", "name = \"vmbr0\""), "already a bridge \"vmbr0\" on node \"pve2\""),
            (gateway.clone(), "The IPv4 gateway of node \"pve2\" is on \"vmbr0\""),
            (bridge("ports = [\"eno1\"]"), "the interface \"eno1\" belongs to \"vmbr0\""),
            (bridge("ports = [\"eno9.5\"]"), "no interface \"eno9\""),
            (resource("vlan", "this", "name = \"eno9.5\""), "There are: \"eno1\", \"vmbr0\""),
        ] {
            workspace.configure(&lab.provider_block(), &configuration);
            let plan = workspace.plan().prose();
            assert!(plan.contains(said), "{configuration}\n{plan}");
        }
        workspace.configure(&lab.provider_block(), &gateway);
        let apply = workspace.apply().failed().prose();
        assert!(apply.contains("Default gateway already exists on interface 'vmbr0'"), "{apply}");
        let ports = "ports = [homelab_pve_bond.this.name]";
        let bond = resource("bond", "this", "name = \"bond7\"\ninterfaces = [\"eno1\"]");
        workspace.configure(&lab.provider_block(), &format!("{bond}{}", bridge(ports)));
        let plan = workspace.plan().prose();
        assert!(!plan.contains("no interface \"bond7\""), "{plan}");
    });
}
