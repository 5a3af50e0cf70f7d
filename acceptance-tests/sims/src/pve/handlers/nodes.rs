//! `/nodes`: the nodes and what is set on each.

use serde_json::{Map, Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::section::MODIFIED;
use crate::pve::state::{Lab, Node, digest};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes", list),
    route("GET", "/nodes/{node}/status", status),
    route("GET", "/nodes/{node}/dns", dns),
    route("PUT", "/nodes/{node}/dns", set_dns),
    route("GET", "/nodes/{node}/hosts", hosts),
    route("POST", "/nodes/{node}/hosts", set_hosts),
    route("GET", "/nodes/{node}/time", time),
    route("PUT", "/nodes/{node}/time", set_time),
    route("GET", "/nodes/{node}/config", config),
    route("PUT", "/nodes/{node}/config", set_config),
    route("GET", "/nodes/{node}/aplinfo", nothing),
];

/// The node of the request; requests for other nodes do not come this far.
pub fn node<'a>(lab: &'a mut Lab, request: &Request) -> Result<&'a mut Node, Failure> {
    let name = request.node();
    lab.nodes.get_mut(name).ok_or_else(|| Failure::died(format!("no such cluster node '{name}'")))
}

fn nothing(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([]).into())
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let entries = lab.nodes.iter().map(|(name, node)| lab.node_resource(&request.who, name, node, false));
    Ok(entries.collect::<Vec<Value>>().into())
}

fn status(lab: &mut Lab, request: &Request) -> Answer {
    let release = lab.release;
    let uptime = lab.uptime();
    let node = node(lab, request)?;
    let kernel = "6.17.2-1-pve";
    Ok(json!({
        "boot-info": {"mode": "efi", "secureboot": 0},
        "cpu": 0.02, "idle": 0, "wait": 0, "uptime": uptime,
        "cpuinfo": {
            "cores": node.processors, "cpus": node.processors, "sockets": 1, "user_hz": 100, "hvm": "1",
            "mhz": "2300.000", "model": "Simulated Processor", "flags": "fpu vme de pse tsc msr",
        },
        "current-kernel": {
            "machine": "x86_64", "release": kernel, "sysname": "Linux", "version": "#1 SMP PREEMPT_DYNAMIC",
        },
        "ksm": {"shared": 0},
        "kversion": format!("Linux {kernel} #1 SMP PREEMPT_DYNAMIC"),
        "loadavg": ["0.02", "0.03", "0.00"],
        "memory": {
            "total": node.memory, "used": node.memory / 16, "free": node.memory / 16 * 15,
            "available": node.memory / 16 * 15,
        },
        "pveversion": format!("pve-manager/{}/{}", release.manager(), release.commit()),
        "rootfs": {
            "total": node.disk, "used": node.disk_used, "free": node.disk - node.disk_used,
            "avail": node.disk - node.disk_used,
        },
        "swap": {"total": 0, "used": 0, "free": 0},
    })
    .into())
}

fn dns(lab: &mut Lab, request: &Request) -> Answer {
    Ok(json!(node(lab, request)?.dns).into())
}

fn set_dns(lab: &mut Lab, request: &Request) -> Answer {
    let node = node(lab, request)?;
    let wanted = request.params.texts().filter(|(key, _)| *key != "node");
    node.dns = wanted.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Ok(Reply::nothing())
}

fn hosts(lab: &mut Lab, request: &Request) -> Answer {
    let text = &node(lab, request)?.hosts;
    Ok(json!({"data": text, "digest": digest(text)}).into())
}

fn set_hosts(lab: &mut Lab, request: &Request) -> Answer {
    let node = node(lab, request)?;
    if request.params.text("digest").is_some_and(|given| given != digest(&node.hosts)) {
        return Err(Failure::died(MODIFIED));
    }
    request.params.text_or_empty("data").clone_into(&mut node.hosts);
    Ok(Reply::nothing())
}

fn time(lab: &mut Lab, request: &Request) -> Answer {
    let now = lab.now();
    let timezone = &node(lab, request)?.timezone;
    Ok(json!({"time": now, "localtime": now, "timezone": timezone}).into())
}

fn set_time(lab: &mut Lab, request: &Request) -> Answer {
    let wanted = request.params.text_or_empty("timezone");
    let known =
        ["UTC", "Etc/", "Europe/", "America/", "Asia/", "Africa/", "Australia/", "Atlantic/", "Pacific/"];
    if !known.iter().any(|stem| wanted.starts_with(stem)) {
        return Err(Failure::parameter("timezone", "No such timezone"));
    }
    wanted.clone_into(&mut node(lab, request)?.timezone);
    Ok(Reply::nothing())
}

fn config(lab: &mut Lab, request: &Request) -> Answer {
    let config = &node(lab, request)?.config;
    if config.is_empty() {
        return Ok(json!({}).into());
    }
    let wanted = request.params.text("property");
    let mut shown: Map<String, Value> = config
        .iter()
        .filter(|(key, _)| wanted.is_none_or(|wanted| wanted == key.as_str()))
        .map(|(key, value)| {
            let text = if key == "description" { format!("{value}\n") } else { value.clone() };
            (key.clone(), json!(text))
        })
        .collect();
    shown.insert("digest".to_owned(), digest(&format!("{config:?}")).into());
    Ok(Value::Object(shown).into())
}

fn set_config(lab: &mut Lab, request: &Request) -> Answer {
    let config = &mut node(lab, request)?.config;
    for name in request.params.list("delete").unwrap_or_default() {
        config.remove(&name);
    }
    for (key, value) in
        request.params.texts().filter(|(key, _)| !matches!(*key, "node" | "delete" | "digest"))
    {
        config.insert(key.to_owned(), value.to_owned());
    }
    Ok(Reply::nothing())
}
