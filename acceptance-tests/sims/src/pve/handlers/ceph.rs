//! Ceph, which no node of the lab has: what a node answers that never installed it.

use super::{Request, Route, index, route};
use crate::pve::answer::{Answer, Failure};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/ceph", index::below),
    route("GET", "/cluster/ceph/flags", absent),
    route("GET", "/cluster/ceph/flags/{flag}", absent),
    route("GET", "/cluster/ceph/metadata", absent),
    route("GET", "/cluster/ceph/status", absent),
    route("GET", "/nodes/{node}/ceph", index::below),
    route("GET", "/nodes/{node}/ceph/cfg", index::below),
    route("GET", "/nodes/{node}/ceph/cfg/db", absent),
    route("GET", "/nodes/{node}/ceph/cfg/raw", absent),
    route("GET", "/nodes/{node}/ceph/cfg/value", absent),
    route("GET", "/nodes/{node}/ceph/cmd-safety", absent),
    route("GET", "/nodes/{node}/ceph/crush", absent),
    route("GET", "/nodes/{node}/ceph/fs", absent),
    route("GET", "/nodes/{node}/ceph/log", absent),
    route("GET", "/nodes/{node}/ceph/mds", absent),
    route("GET", "/nodes/{node}/ceph/mgr", absent),
    route("GET", "/nodes/{node}/ceph/mon", absent),
    route("GET", "/nodes/{node}/ceph/osd", absent),
    route("GET", "/nodes/{node}/ceph/osd/{osdid}", absent),
    route("GET", "/nodes/{node}/ceph/osd/{osdid}/lv-info", absent),
    route("GET", "/nodes/{node}/ceph/osd/{osdid}/metadata", absent),
    route("GET", "/nodes/{node}/ceph/pool", absent),
    route("GET", "/nodes/{node}/ceph/pool/{name}", absent),
    route("GET", "/nodes/{node}/ceph/pool/{name}/status", absent),
    route("GET", "/nodes/{node}/ceph/rules", absent),
    route("GET", "/nodes/{node}/ceph/status", absent),
];

fn absent(_: &mut Lab, _: &Request) -> Answer {
    Err(Failure::died("binary not installed: /usr/bin/ceph-mon"))
}
