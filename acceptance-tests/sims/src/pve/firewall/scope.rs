//! Whose firewall a call is about: the cluster's, a security group's, a node's, or a guest's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::pve::answer::Failure;
use crate::pve::handlers::Request;
use crate::pve::state::{Lab, Options, digest};

/// One firewall configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Firewall {
    /// Switches and policies.
    pub options: Options,
    /// Rules, the first that is looked at first.
    pub rules: Vec<Options>,
    /// Names of addresses.
    pub aliases: BTreeMap<String, Options>,
    /// Sets of addresses.
    pub ip_sets: BTreeMap<String, IpSet>,
    /// Security groups, which only the cluster has.
    pub groups: BTreeMap<String, Group>,
}

/// A set of addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpSet {
    /// Free text.
    pub comment: Option<String>,
    /// Members by address.
    pub members: BTreeMap<String, Options>,
}

/// A security group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Free text.
    pub comment: Option<String>,
    /// Its rules.
    pub rules: Vec<Options>,
}

impl Lab {
    /// The firewall that the call is about.
    pub fn firewall(&mut self, request: &Request) -> Result<&mut Firewall, Failure> {
        if !request.params.has("vmid") {
            let of_node = request.method.path.starts_with("/nodes/");
            return Ok(if of_node {
                self.node_firewalls.entry(request.node().to_owned()).or_default()
            } else {
                &mut self.cluster_firewall
            });
        }
        if request.method.path.contains("/lxc/") {
            self.container(request.node(), request.vmid())?;
        } else {
            self.vm(request.node(), request.vmid())?;
        }
        Ok(self.guest_firewalls.entry(request.vmid()).or_default())
    }

    /// The rules that the call is about.
    pub fn firewall_rules(&mut self, request: &Request) -> Result<&mut Vec<Options>, Failure> {
        match request.params.text("group").map(str::to_owned) {
            Some(name) => match self.cluster_firewall.groups.get_mut(&name) {
                Some(group) => Ok(&mut group.rules),
                None => Err(Failure::died(format!("no such security group '{name}'"))),
            },
            None => Ok(&mut self.firewall(request)?.rules),
        }
    }
}

/// Digest of a part of a firewall; an empty part has that of an empty file.
pub fn digest_of<T: Serialize + Default + PartialEq>(part: &T) -> String {
    let empty = *part == T::default();
    digest(&if empty { String::new() } else { serde_json::to_string(part).unwrap_or_default() })
}

/// Refuses if the part is not the one that the caller read.
pub fn require_digest(request: &Request, current: &str) -> Result<(), Failure> {
    match request.params.text("digest") {
        Some(given) if !given.is_empty() && given != current => {
            Err(Failure::died("detected modified configuration - file changed by other user? Try again."))
        }
        _ => Ok(()),
    }
}
