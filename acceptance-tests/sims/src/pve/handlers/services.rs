//! What an operator looks at on a node: its services, its subscription, its place in the cluster.

use serde_json::{Value, json};

use super::{Request, Route, index, route};
use crate::pve::answer::{Answer, Failure};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/config/nodes", members),
    route("GET", "/cluster/jobs/realm-sync", none),
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
