//! Figures over time: `rrddata` of nodes, VMs and storages. The lab knows the present only, and tells it for each moment
//! since it was made.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::Answer;
use crate::pve::content::list::space;
use crate::pve::qemu::status;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/rrddata", of_node),
    route("GET", "/nodes/{node}/qemu/{vmid}/rrddata", of_vm),
    route("GET", "/nodes/{node}/lxc/{vmid}/rrddata", of_container),
    route("GET", "/nodes/{node}/storage/{storage}/rrddata", of_storage),
];

/// How many moments are told.
const MOMENTS: i64 = 70;

/// Seconds between two moments.
fn step(request: &Request) -> i64 {
    match request.params.text_or_empty("timeframe") {
        "hour" => 60,
        "day" => 1_800,
        "week" => 10_800,
        "month" => 43_200,
        _ => 604_800,
    }
}

/// The figures at each moment; only the time before the lab was made.
fn series(lab: &Lab, request: &Request, figures: &Value) -> Answer {
    let step = step(request);
    let last = lab.now().div_euclid(step) * step;
    let points = (0..MOMENTS).rev().map(|back| {
        let time = last - back * step;
        let mut point = if time >= lab.started_at { figures.clone() } else { json!({}) };
        point["time"] = time.into();
        point
    });
    Ok(points.collect::<Vec<Value>>().into())
}

fn of_node(lab: &mut Lab, request: &Request) -> Answer {
    let figures = lab.nodes.get(request.node()).map_or(json!({}), |node| {
        json!({
            "maxcpu": node.processors, "cpu": 0.02, "memtotal": node.memory, "memused": node.memory / 8,
            "roottotal": node.disk, "rootused": node.disk_used, "loadavg": 0.1, "iowait": 0, "netin": 0, "netout": 0,
        })
    });
    series(lab, request, &figures)
}

fn of_vm(lab: &mut Lab, request: &Request) -> Answer {
    let vm = lab.vm(request.node(), request.vmid())?;
    let memory = status::memory(vm);
    let running = vm.is_running();
    let figures = json!({
        "maxcpu": status::cpus(lab, vm), "maxmem": memory, "maxdisk": status::boot_disk_size(vm), "disk": 0,
        "cpu": if running { 0.01 } else { 0.0 }, "mem": if running { memory / 2 } else { 0 },
        "netin": 0, "netout": 0, "diskread": 0, "diskwrite": 0,
    });
    series(lab, request, &figures)
}

fn of_container(lab: &mut Lab, request: &Request) -> Answer {
    let container = lab.container(request.node(), request.vmid())?;
    let mut figures = json!({"maxcpu": lab.container_cpus(container)});
    for (key, value) in lab.container_figures(container) {
        figures[key] = value;
    }
    series(lab, request, &figures)
}

fn of_storage(lab: &mut Lab, request: &Request) -> Answer {
    let (node, id) = (request.node(), request.params.text_or_empty("storage"));
    let (total, used) = space(lab, node, id, lab.usable_storage(node, id)?);
    series(lab, request, &json!({"total": total, "used": used}))
}
