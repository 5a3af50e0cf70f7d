//! The firewall's configuration, of the cluster and of VMs: rules, options, aliases, IP sets, security groups.
//! Nothing is filtered: the lab has no traffic.

pub mod groups;
pub mod macros;
pub mod objects;
pub mod options;
pub mod rules;
pub mod scope;

use super::handlers::Route;

/// Handlers of this part.
pub const ROUTES: &[&[Route]] = &[groups::ROUTES, objects::ROUTES, options::ROUTES, rules::ROUTES];
