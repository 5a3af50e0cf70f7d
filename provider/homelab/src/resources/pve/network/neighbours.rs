//! What an interface has to do with the others of its node: its name, its ports, the gateway that only one can have.

use pve_client::{Interface, InterfaceName, Settings};
use tf_framework::prelude::*;

use super::{InterfaceId, Managed};
use crate::cx::Cx;
use crate::errors;
use crate::memory::Expected;
use crate::presence::list;

/// Wire keys of the gateways, with the argument and the protocol of each.
const GATEWAYS: [(&str, &str, &str); 2] =
    [("gateway", "ipv4_gateway", "IPv4"), ("gateway6", "ipv6_gateway", "IPv6")];

/// Wire keys of the interfaces below, with the argument of each.
const BELOW: [(&str, &str); 3] =
    [("bridge_ports", "ports"), ("slaves", "interfaces"), ("vlan-raw-device", "parent")];

/// Warns of what the apply would be refused for, unless the same run changes it before.
pub(super) fn check<M: Managed>(
    cx: &Cx,
    id: &InterfaceId,
    want: &Settings,
    there: &[Interface],
    plan: &mut Plan<'_, M>,
) {
    let title = id.title(M::NOUN);
    if plan.is_create() && there.iter().any(|found| found.name == id.name) && !cx.manages(&title) {
        plan.push(errors::taken::<M>(&title, id).at("name"));
    }
    let others: Vec<&Interface> = there.iter().filter(|found| found.name != id.name).collect();
    for (key, argument, protocol) in GATEWAYS.into_iter().filter(|(key, ..)| want.string(key).is_some()) {
        if let Some(other) = others.iter().find(|other| other.settings.string(key).is_some()) {
            plan.warn(
                argument,
                "Gateway is set already",
                format!(
                    "The {protocol} gateway of node {:?} is on {:?}, and only one interface can have it. The apply is \
                     refused unless this run takes it away there before.",
                    id.node.as_str(),
                    other.name.as_str()
                ),
            );
        }
    }
    // Such as `vmbr0.30`, which needs no other word for what it is on.
    if M::KIND == "vlan" && id.name.as_str().contains('.') {
        missing(cx, id, id.name.as_str(), there)
            .into_iter()
            .for_each(|problem| plan.push(problem.at("name")));
    }
    for (key, argument) in BELOW {
        for port in words(want, key) {
            let problem = used(id, &port, key, &others).or_else(|| missing(cx, id, &port, there));
            problem.into_iter().for_each(|problem| plan.push(problem.at(argument)));
        }
    }
}

fn words(settings: &Settings, key: &str) -> Vec<String> {
    let text = settings.string(key).unwrap_or_default();
    text.split([' ', ',', ';']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A port of a bridge or a bond serves no other.
fn used(id: &InterfaceId, port: &str, key: &str, others: &[&Interface]) -> Option<Diagnostic> {
    let has = |other: &&&Interface| {
        ["bridge_ports", "slaves"]
            .iter()
            .any(|key| words(&other.settings, key).iter().any(|word| word == port))
    };
    let other = others.iter().find(has).filter(|_| key != "vlan-raw-device")?;
    Some(Diagnostic::warning(
        "Interface is used already",
        format!(
            "On node {:?} the interface {port:?} belongs to {:?}, and Proxmox VE lets no other have it. The apply is refused \
             unless this run takes it away there before.",
            id.node.as_str(),
            other.name.as_str()
        ),
    ))
}

/// A VLAN that is named as a port is made with it, so it is enough that what it is on is there.
fn missing(cx: &Cx, id: &InterfaceId, port: &str, there: &[Interface]) -> Option<Diagnostic> {
    let name = port.split_once('.').map_or(port, |(below, _)| below);
    let expected = |name: InterfaceName| cx.expects(&Expected::Interface(id.node.clone(), name));
    if there.iter().any(|found| found.name.as_str() == name) || name.parse().is_ok_and(expected) {
        return None;
    }
    Some(Diagnostic::warning(
        "Interface does not exist",
        format!(
            "The node {:?} has no interface {name:?}, so what is on it gets no connection. There are: {}. If this \
             configuration makes it, refer to its resource.",
            id.node.as_str(),
            list(there.iter().map(|found| found.name.as_str()))
        ),
    ))
}
