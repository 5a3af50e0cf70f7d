//! What an operator looks at on a node: its services, its subscription, its place in the cluster.

use serde_json::{Value, json};

use super::{Request, Route, index, route};
use crate::pve::answer::{Answer, Failure};
use crate::pve::qemu::drive::is_indexed;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/config/apiversion", join_version),
    route("GET", "/cluster/config/nodes", members),
    route("GET", "/cluster/config/qdevice", nothing_set),
    route("GET", "/cluster/config/totem", totem),
    route("GET", "/cluster/jobs/realm-sync", none),
    route("GET", "/cluster/jobs/realm-sync/{id}", no_sync_job),
    route("GET", "/cluster/metrics/export", no_metrics),
    route("GET", "/nodes/{node}/netstat", traffic),
    route("GET", "/nodes/{node}/services", list),
    route("GET", "/nodes/{node}/services/{service}", index::below),
    route("GET", "/nodes/{node}/services/{service}/state", state),
    route("GET", "/nodes/{node}/subscription", subscription),
];

/// Services that a node runs, with their descriptions.
const SERVICES: [(&str, &str); 12] = [
    ("chrony", "chrony, an NTP client/server"),
    ("corosync", "Corosync Cluster Engine"),
    ("cron", "Regular background program processing daemon"),
    ("postfix", "Postfix Mail Transport Agent"),
    ("pve-cluster", "The Proxmox VE cluster filesystem"),
    ("pve-firewall", "Proxmox VE firewall"),
    ("pve-ha-crm", "PVE Cluster HA Resource Manager Daemon"),
    ("pve-ha-lrm", "PVE Local HA Resource Manager Daemon"),
    ("pvedaemon", "PVE API Daemon"),
    ("pveproxy", "PVE API Proxy Server"),
    ("pvescheduler", "Proxmox VE scheduler"),
    ("pvestatd", "PVE Status Daemon"),
];

/// Corosync runs only in a cluster.
fn shown(lab: &Lab, name: &str, description: &str) -> Value {
    let runs = name != "corosync" || lab.cluster_name.is_some();
    json!({
        "service": name, "name": name, "desc": description,
        "state": if runs { "running" } else { "dead" },
        "active-state": if runs { "active" } else { "inactive" }, "unit-state": "enabled",
    })
}

fn list(lab: &mut Lab, _: &Request) -> Answer {
    Ok(SERVICES.map(|(name, description)| shown(lab, name, description)).to_vec().into())
}

fn state(lab: &mut Lab, request: &Request) -> Answer {
    let wanted = request.params.text_or_empty("service");
    match SERVICES.iter().find(|(name, _)| *name == wanted) {
        Some((name, description)) => Ok(shown(lab, name, description).into()),
        None => Err(Failure::died(format!("no such service '{wanted}'"))),
    }
}

fn subscription(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!({
        "status": "notfound", "message": "There is no subscription key",
        "url": "https://www.proxmox.com/en/proxmox-virtual-environment/pricing",
    })
    .into())
}

/// Nodes as Corosync's configuration has them; a node on its own has none.
fn members(lab: &mut Lab, _: &Request) -> Answer {
    if lab.cluster_name.is_none() {
        return Ok(json!([]).into());
    }
    let members = lab.nodes.iter().map(|(name, node)| {
        json!({
            "node": name, "name": name, "nodeid": node.id.to_string(), "quorum_votes": "1",
            "ring0_addr": format!("192.0.2.{}", 10 + node.id),
        })
    });
    Ok(members.collect::<Vec<Value>>().into())
}

fn none(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([]).into())
}

/// Version of the way in which nodes join.
fn join_version(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!(1).into())
}

fn nothing_set(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!({}).into())
}

/// A node on its own has no totem.
fn totem(lab: &mut Lab, request: &Request) -> Answer {
    let Some(name) = &lab.cluster_name else { return nothing_set(lab, request) };
    Ok(json!({
        "cluster_name": name, "config_version": lab.nodes.len().to_string(), "version": "2", "secauth": "on",
        "ip_version": "ipv4-6", "link_mode": "passive", "interface": {"0": {"linknumber": "0"}},
    })
    .into())
}

fn no_sync_job(_: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    Err(Failure::parameter("id", format!("No such job '{id}'")))
}

fn no_metrics(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!({"data": []}).into())
}

/// Each network card of a running VM; the lab has no traffic.
fn traffic(lab: &mut Lab, request: &Request) -> Answer {
    let running = lab.vms.iter().filter(|(_, vm)| vm.node == request.node() && vm.is_running());
    let cards = running.flat_map(|(vmid, vm)| {
        let cards = vm.config.keys().filter(|key| is_indexed(key, "net", 32));
        cards.map(|key| json!({"vmid": vmid.to_string(), "dev": key, "in": "0", "out": "0"}))
    });
    Ok(cards.collect::<Vec<Value>>().into())
}
