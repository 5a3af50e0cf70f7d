//! Behaviour of the API, a noun a file: each registers its handlers by path template and verb.

pub mod acl;
pub mod acme;
pub mod backup_jobs;
pub mod ceph;
pub mod cluster;
pub mod consoles;
pub mod disks;
pub mod domains;
pub mod figures;
pub mod groups;
pub mod ha;
pub mod ha_groups;
pub mod ha_rules;
pub mod hardware;
pub mod index;
pub mod logs;
pub mod mapping;
pub mod metrics;
pub mod network;
pub mod nodes;
pub mod notifications;
pub mod packages;
pub mod pools;
pub mod replication;
pub mod replication_runs;
pub mod resources;
pub mod roles;
pub mod sdn;
pub mod sdn_status;
pub mod services;
pub mod storages;
pub mod tasks;
pub mod tfa;
pub mod ticket;
pub mod tokens;
pub mod users;
pub mod version;
pub mod volume_groups;
pub mod zfs;

use super::answer::Answer;
use super::body::Upload;
use super::params::Params;
use super::permissions::Principal;
use super::schema::Method;
use super::state::Lab;

/// A checked request.
#[derive(Debug)]
pub struct Request {
    /// The method of the schema.
    pub method: &'static Method,
    /// Placeholders of the path, query and body together.
    pub params: Params,
    /// Whose request it is.
    pub who: Principal,
    /// The file of an upload.
    pub upload: Option<Upload>,
}

impl Request {
    /// The node that the path names.
    pub fn node(&self) -> &str {
        self.params.text_or_empty("node")
    }

    /// The guest that the path or the parameters name.
    pub fn vmid(&self) -> u32 {
        self.params.text_or_empty("vmid").parse().unwrap_or_default()
    }
}

/// Behaviour of one method; runs under the lab's lock.
pub type Handler = fn(&mut Lab, &Request) -> Answer;

/// One registration.
pub struct Route {
    /// HTTP verb.
    pub verb: &'static str,
    /// Path template, as in the schema.
    pub path: &'static str,
    /// Behaviour.
    pub handler: Handler,
}

/// Registers a handler.
pub const fn route(verb: &'static str, path: &'static str, handler: Handler) -> Route {
    Route { verb, path, handler }
}

/// Every noun's registrations.
const NOUNS: &[&[Route]] = &[
    acl::ROUTES,
    cluster::ROUTES,
    domains::ROUTES,
    groups::ROUTES,
    ha::ROUTES,
    ha_groups::ROUTES,
    ha_rules::ROUTES,
    hardware::ROUTES,
    index::ROUTES,
    nodes::ROUTES,
    pools::ROUTES,
    resources::ROUTES,
    roles::ROUTES,
    services::ROUTES,
    storages::ROUTES,
    tasks::ROUTES,
    tfa::ROUTES,
    ticket::ROUTES,
    tokens::ROUTES,
    users::ROUTES,
    acme::ROUTES,
    backup_jobs::ROUTES,
    consoles::ROUTES,
    disks::ROUTES,
    figures::ROUTES,
    mapping::ROUTES,
    metrics::ROUTES,
    network::ROUTES,
    notifications::ROUTES,
    replication::ROUTES,
    replication_runs::ROUTES,
    ceph::ROUTES,
    logs::ROUTES,
    packages::ROUTES,
    sdn_status::ROUTES,
    sdn::ROUTES,
    version::ROUTES,
    volume_groups::ROUTES,
    zfs::ROUTES,
];

/// Every registration.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    let parts = super::qemu::ROUTES
        .iter()
        .chain(super::content::ROUTES)
        .chain(super::backup::ROUTES)
        .chain(super::lxc::ROUTES)
        .chain(super::firewall::ROUTES);
    NOUNS.iter().chain(parts).copied().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::pve::schema::methods;

    #[test]
    fn every_handler_belongs_to_a_method_of_the_schema_and_none_twice() {
        let known: BTreeSet<(&str, &str)> =
            methods().iter().map(|method| (method.verb.as_str(), method.path.as_str())).collect();
        let mut seen = BTreeSet::new();
        for route in routes() {
            assert!(known.contains(&(route.verb, route.path)), "{} {}", route.verb, route.path);
            assert!(seen.insert((route.verb, route.path)), "twice: {} {}", route.verb, route.path);
        }
    }
}
