//! Calls that the QEMU guest agent answers, if there is one.

use serde_json::{Value, json};

use super::network::Network;
use super::vm::Vm;
use super::{drive, options};
use crate::pve::answer::{Answer, Failure};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/qemu/{vmid}/agent", index),
    route("POST", "/nodes/{node}/qemu/{vmid}/agent", command),
    route("POST", "/nodes/{node}/qemu/{vmid}/agent/ping", ping),
    route("POST", "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-freeze", count_filesystems),
    route("POST", "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-thaw", count_filesystems),
    route("POST", "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-status", freeze_status),
    route("POST", "/nodes/{node}/qemu/{vmid}/agent/fstrim", trim),
    route("POST", "/nodes/{node}/qemu/{vmid}/agent/shutdown", shutdown),
    route("GET", "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces", interfaces),
    route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-host-name", host_name),
    route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-osinfo", system),
    route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-time", time),
    route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-timezone", timezone),
    route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-fsinfo", filesystems),
    route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-users", users),
    route("GET", "/nodes/{node}/qemu/{vmid}/agent/get-vcpus", vcpus),
    route("GET", "/nodes/{node}/qemu/{vmid}/agent/info", info),
];

/// The VM, if an agent answers in it.
fn answering<'a>(lab: &'a Lab, request: &Request) -> Result<&'a Vm, Failure> {
    let vmid = request.vmid();
    let vm = lab.vm(request.node(), vmid)?;
    if !options::agent_enabled(vm.get("agent")) {
        return Err(Failure::died("No QEMU guest agent configured"));
    }
    let Some(process) = &vm.process else { return Err(Failure::died(format!("VM {vmid} is not running"))) };
    let boots = lab.now() < process.started_at + i64::from(lab.guest_systems.boot_seconds);
    if !lab.guest_systems.agent || process.paused || boots {
        return Err(Failure::died("QEMU guest agent is not running"));
    }
    Ok(vm)
}

fn result(value: Value) -> Answer {
    Ok(json!({ "result": value }).into())
}

fn index(_: &mut Lab, _: &Request) -> Answer {
    let names = ROUTES.iter().filter_map(|route| route.path.rsplit_once("/agent/").map(|(_, name)| name));
    Ok(names.map(|name| json!({"name": name})).collect::<Vec<_>>().into())
}

fn command(lab: &mut Lab, request: &Request) -> Answer {
    let name = request.params.text_or_empty("command");
    let path = format!("/nodes/{{node}}/qemu/{{vmid}}/agent/{name}");
    match ROUTES.iter().find(|route| route.path == path) {
        Some(route) => (route.handler)(lab, request),
        None => answering(lab, request)
            .and_then(|_| Err(Failure::new(501, format!("the simulated agent does not know '{name}'")))),
    }
}

fn ping(lab: &mut Lab, request: &Request) -> Answer {
    answering(lab, request)?;
    result(json!({}))
}

fn count_filesystems(lab: &mut Lab, request: &Request) -> Answer {
    answering(lab, request)?;
    result(1.into())
}

fn freeze_status(lab: &mut Lab, request: &Request) -> Answer {
    answering(lab, request)?;
    result("thawed".into())
}

fn trim(lab: &mut Lab, request: &Request) -> Answer {
    answering(lab, request)?;
    result(json!({"paths": [{"path": "/", "trimmed": 0, "minimum": 0}]}))
}

fn shutdown(lab: &mut Lab, request: &Request) -> Answer {
    answering(lab, request)?;
    super::power::halt(lab, request.vmid());
    Ok(Value::Null.into())
}

/// Addresses are those that cloud-init was told; a device on DHCP has one from a test network, and one whose cable is out
/// has none.
fn interfaces(lab: &mut Lab, request: &Request) -> Answer {
    let vmid = request.vmid();
    let vm = answering(lab, request)?;
    let mut found = vec![json!({
        "name": "lo",
        "hardware-address": "00:00:00:00:00:00",
        "ip-addresses": [
            {"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8},
            {"ip-address": "::1", "ip-address-type": "ipv6", "prefix": 128},
        ],
    })];
    let cards = vm.config.iter().filter(|(key, _)| drive::is_indexed(key, "net", 32));
    for (key, network) in cards.filter_map(|(key, value)| Some((key, Network::parse(value)?))) {
        let number = key.trim_start_matches("net");
        let config = vm.get(&format!("ipconfig{number}")).unwrap_or_default();
        let mac = network.mac.clone().unwrap_or_default().to_lowercase();
        let plugged = network.options.get("link_down").is_none_or(|down| down != "1");
        let addresses = if plugged { addresses(vmid, &mac, config) } else { Vec::new() };
        found.push(json!({
            "name": format!("eth{number}"),
            "hardware-address": mac,
            "ip-addresses": addresses,
        }));
    }
    result(found.into())
}

fn addresses(vmid: u32, mac: &str, config: &str) -> Vec<Value> {
    let fixed = |key: &str| {
        let value = options::property(config, key, "")?;
        value.split_once('/').map(|(address, prefix)| (address.to_owned(), prefix.to_owned()))
    };
    let leased = (format!("198.51.100.{}", vmid % 254 + 1), "24".to_owned());
    let address = |kind: &str, (address, prefix): (String, String)| {
        json!({
            "ip-address": address,
            "ip-address-type": kind,
            "prefix": prefix.parse::<u8>().unwrap_or_default(),
        })
    };
    let mut found = vec![address("ipv4", fixed("ip").unwrap_or(leased))];
    found.extend(fixed("ip6").map(|fixed| address("ipv6", fixed)));
    found.push(address("ipv6", (of_link(mac), "64".to_owned())));
    found
}

/// The address that an interface gives itself, made of its hardware address.
fn of_link(mac: &str) -> String {
    let byte = |part: &str| u8::from_str_radix(part, 16).unwrap_or_default();
    let bytes: Vec<u8> = mac.split(':').map(byte).chain([0; 6]).take(6).collect();
    let halves = [[bytes[0] ^ 2, bytes[1]], [bytes[2], 0xff], [0xfe, bytes[3]], [bytes[4], bytes[5]]];
    let parts: Vec<String> = halves.iter().map(|half| format!("{:x}", u16::from_be_bytes(*half))).collect();
    format!("fe80::{}", parts.join(":"))
}

fn host_name(lab: &mut Lab, request: &Request) -> Answer {
    let vm = answering(lab, request)?;
    let name = vm.get("name").map_or_else(|| format!("VM{}", request.vmid()), str::to_owned);
    result(json!({ "host-name": name }))
}

fn system(lab: &mut Lab, request: &Request) -> Answer {
    answering(lab, request)?;
    result(json!({
        "id": "debian",
        "name": "Debian GNU/Linux",
        "pretty-name": "Debian GNU/Linux 13 (trixie)",
        "version": "13 (trixie)",
        "version-id": "13",
        "kernel-release": "6.12.0-amd64",
        "kernel-version": "#1 SMP PREEMPT_DYNAMIC",
        "machine": "x86_64",
    }))
}

fn time(lab: &mut Lab, request: &Request) -> Answer {
    answering(lab, request)?;
    result((lab.now() * 1_000_000_000).into())
}

fn timezone(lab: &mut Lab, request: &Request) -> Answer {
    answering(lab, request)?;
    result(json!({"zone": "UTC", "offset": 0}))
}

fn filesystems(lab: &mut Lab, request: &Request) -> Answer {
    let size = super::status::boot_disk_size(answering(lab, request)?);
    result(json!([{
        "name": "sda1",
        "mountpoint": "/",
        "type": "ext4",
        "total-bytes": size,
        "used-bytes": size / 4,
        "disk": [],
    }]))
}

fn users(lab: &mut Lab, request: &Request) -> Answer {
    answering(lab, request)?;
    result(json!([]))
}

fn vcpus(lab: &mut Lab, request: &Request) -> Answer {
    let count = super::status::cpus(lab, answering(lab, request)?);
    let cpu = |number| json!({"logical-id": number, "online": true, "can-offline": number != 0});
    result((0..count).map(cpu).collect::<Vec<_>>().into())
}

fn info(lab: &mut Lab, request: &Request) -> Answer {
    answering(lab, request)?;
    result(json!({"version": "10.0.2", "supported_commands": []}))
}
