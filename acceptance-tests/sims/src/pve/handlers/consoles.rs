//! Consoles: the tickets that a viewer would connect with. Nobody listens behind them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure};
use crate::pve::qemu::drive::is_indexed;
use crate::pve::state::{Lab, random_hex};
use crate::pve::tasks::{Plan, Progress};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("POST", "/nodes/{node}/qemu/{vmid}/vncproxy", vnc),
    route("POST", "/nodes/{node}/qemu/{vmid}/termproxy", terminal),
    route("POST", "/nodes/{node}/vncshell", node_vnc),
    route("POST", "/nodes/{node}/termproxy", node_terminal),
];

/// How long the service waits for a viewer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first port of consoles.
const PORT: u32 = 5900;

/// A task that waits for a viewer, and what it takes to be one.
fn ticket(lab: &mut Lab, request: &Request, kind: &'static str, about: String) -> Value {
    let node = request.node().to_owned();
    let plan = Plan::new(kind, about, PATIENCE, |_, _| Progress::Failed("connection timed out".to_owned()));
    let upid = lab.start_task(&node, &request.who.0, plan);
    let waiting = lab.tasks.list.iter().filter(|task| task.exit.is_none() && task.upid.kind == kind).count();
    let port = PORT + u32::try_from(waiting).unwrap_or_default() - 1;
    json!({
        "user": request.who.0, "port": port.to_string(), "upid": upid.to_string(),
        "ticket": format!("PVEVNC:{:08X}::{}", lab.now(), random_hex(64)),
    })
}

fn with_certificate(mut answer: Value, request: &Request) -> Answer {
    answer["cert"] = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".into();
    if request.params.is_set("generate-password") {
        answer["password"] = random_hex(4).into();
    }
    Ok(answer.into())
}

fn vnc(lab: &mut Lab, request: &Request) -> Answer {
    lab.vm(request.node(), request.vmid())?;
    let answer = ticket(lab, request, "vncproxy", request.vmid().to_string());
    with_certificate(answer, request)
}

fn terminal(lab: &mut Lab, request: &Request) -> Answer {
    let vm = lab.vm(request.node(), request.vmid())?;
    let has_serial = match request.params.text("serial") {
        Some(port) => vm.get(port).is_some_and(|value| value == "socket"),
        None => vm.config.iter().any(|(key, value)| is_indexed(key, "serial", 4) && value == "socket"),
    };
    if !has_serial {
        return Err(Failure::died("unable to find a serial interface"));
    }
    Ok(ticket(lab, request, "vncproxy", request.vmid().to_string()).into())
}

fn node_vnc(lab: &mut Lab, request: &Request) -> Answer {
    let answer = ticket(lab, request, "vncshell", String::new());
    with_certificate(answer, request)
}

fn node_terminal(lab: &mut Lab, request: &Request) -> Answer {
    Ok(ticket(lab, request, "vncshell", String::new()).into())
}
