//! Containers: `/nodes/{node}/lxc/**`.
//!
//! As much of them as lists, pools, storages and backups see: they are made from a template, have volumes, start and
//! stop at once, are backed up and restored, and go away. Not played: clones, snapshots, migration, resizing, HA, what
//! runs in them.

pub mod backup;
pub mod config;
pub mod container;
pub mod create;
pub mod destroy;
pub mod power;
pub mod restore;
pub mod status;

use super::handlers::Route;

/// Handlers of this part.
pub const ROUTES: &[&[Route]] =
    &[config::ROUTES, create::ROUTES, destroy::ROUTES, power::ROUTES, status::ROUTES];
