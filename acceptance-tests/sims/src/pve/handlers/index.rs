//! Index methods: the names below a path.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::Answer;
use crate::pve::schema::methods;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/", root),
    route("GET", "/access", below),
    route("GET", "/cluster", below),
    route("GET", "/access/openid", below),
    route("GET", "/cluster/acme", below),
    route("GET", "/cluster/bulk-action", below),
    route("GET", "/cluster/bulk-action/guest", below),
    route("GET", "/cluster/config", below),
    route("GET", "/cluster/firewall", below),
    route("GET", "/cluster/ha", below),
    route("GET", "/cluster/ha/status", below),
    route("GET", "/cluster/jobs", below),
    route("GET", "/cluster/mapping", below),
    route("GET", "/cluster/metrics", below),
    route("GET", "/cluster/notifications", below),
    route("GET", "/cluster/notifications/endpoints", below),
    route("GET", "/cluster/qemu", below),
    route("GET", "/cluster/sdn", below),
    route("GET", "/cluster/sdn/fabrics", below),
    route("GET", "/nodes/{node}", below),
    route("GET", "/nodes/{node}/apt", below),
    route("GET", "/nodes/{node}/capabilities", below),
    route("GET", "/nodes/{node}/capabilities/qemu", below),
    route("GET", "/nodes/{node}/certificates", below),
    route("GET", "/nodes/{node}/certificates/acme", below),
    route("GET", "/nodes/{node}/disks", below),
    route("GET", "/nodes/{node}/firewall", below),
    route("GET", "/nodes/{node}/hardware", below),
    route("GET", "/nodes/{node}/scan", below),
    route("GET", "/nodes/{node}/sdn", below),
];

/// Its order is fixed.
fn root(_: &mut Lab, _: &Request) -> Answer {
    let names = ["version", "cluster", "nodes", "storage", "access", "pools"];
    Ok(names.map(|name| json!({ "subdir": name })).to_vec().into())
}

/// Every literal name below the method's path, under the key that its links name.
pub fn below(_: &mut Lab, request: &Request) -> Answer {
    let link = request.method.links.first().map_or("{subdir}", String::as_str);
    let key = link.trim_matches(['{', '}']);
    let prefix = format!("{}/", request.method.path);
    let mut names: Vec<&str> = methods()
        .iter()
        .filter_map(|method| method.path.strip_prefix(&prefix)?.split('/').next())
        .filter(|name| !name.starts_with('{'))
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names.into_iter().map(|name| json!({ key: name })).collect::<Vec<Value>>().into())
}
