//! What of SDN is only read: the address manager that every cluster has, fabrics and controllers, of which there are
//! none, and what a node made of the zones.

use serde_json::{Value, json};

use super::{Request, Route, index, route};
use crate::pve::answer::{Answer, Failure};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/sdn/controllers", nothing),
    route("GET", "/cluster/sdn/controllers/{controller}", missing),
    route("GET", "/cluster/sdn/dns", nothing),
    route("GET", "/cluster/sdn/dns/{dns}", missing),
    route("GET", "/cluster/sdn/fabrics/all", fabrics),
    route("GET", "/cluster/sdn/fabrics/fabric", nothing),
    route("GET", "/cluster/sdn/fabrics/node", nothing),
    route("GET", "/cluster/sdn/fabrics/node/{fabric_id}", nothing),
    route("GET", "/cluster/sdn/ipams", ipams),
    route("GET", "/cluster/sdn/ipams/{ipam}", ipam),
    route("GET", "/cluster/sdn/ipams/{ipam}/status", ipam_status),
    route("GET", "/nodes/{node}/sdn/vnets/{vnet}", index::below),
    route("GET", "/nodes/{node}/sdn/zones/{zone}", index::below),
    route("GET", "/nodes/{node}/sdn/zones/{zone}/content", zone_content),
];

/// The address manager of the cluster itself.
const OWN_IPAM: &str = "pve";

fn nothing(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([]).into())
}

fn does_not_exist(id: &str) -> Failure {
    Failure::died(format!("sdn '{id}' does not exist"))
}

/// Controllers and name servers cannot be made in the lab.
fn missing(_: &mut Lab, request: &Request) -> Answer {
    let id = ["controller", "dns"].into_iter().find_map(|name| request.params.text(name));
    Err(does_not_exist(id.unwrap_or_default()))
}

fn fabrics(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!({"fabrics": [], "nodes": []}).into())
}

fn own_ipam(lab: &mut Lab) -> Value {
    json!({"ipam": OWN_IPAM, "type": OWN_IPAM, "digest": lab.file("sdn/ipams.cfg").digest()})
}

fn ipams(lab: &mut Lab, request: &Request) -> Answer {
    let is_wanted = request.params.text("type").is_none_or(|kind| kind == OWN_IPAM);
    Ok(is_wanted.then(|| own_ipam(lab)).into_iter().collect::<Vec<Value>>().into())
}

fn ipam(lab: &mut Lab, request: &Request) -> Answer {
    match request.params.text_or_empty("ipam") {
        OWN_IPAM => Ok(own_ipam(lab).into()),
        other => Err(does_not_exist(other)),
    }
}

/// Nobody asked it for an address.
fn ipam_status(lab: &mut Lab, request: &Request) -> Answer {
    ipam(lab, request)?;
    Ok(json!([]).into())
}

/// Virtual networks of a zone that were applied.
fn zone_content(lab: &mut Lab, request: &Request) -> Answer {
    let zone = request.params.text_or_empty("zone");
    let vnets = lab.file("running/sdn/vnets.cfg").entries;
    let in_zone = vnets.iter().filter(|vnet| vnet.options.get("zone").is_some_and(|text| text == zone));
    Ok(in_zone.map(|vnet| json!({"vnet": vnet.id, "status": "available"})).collect::<Vec<Value>>().into())
}
