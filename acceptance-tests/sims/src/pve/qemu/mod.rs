//! Virtual machines: `/nodes/{node}/qemu/**`.

pub mod boot;
pub mod cloudinit;
pub mod cloudinit_calls;
pub mod config;
pub mod create;
pub mod destroy;
pub mod disks;
pub mod drive;
pub mod guard;
pub mod hibernate;
pub mod hotplug;
pub mod managed;
pub mod network;
pub mod normal;
pub mod options;
pub mod pending;
pub mod permission;
pub mod power;
pub mod shutdown;
pub mod size;
pub mod status;
pub mod update;
pub mod vm;

use super::handlers::Route;

/// Handlers of this part.
pub const ROUTES: &[&[Route]] = &[
    cloudinit_calls::ROUTES,
    config::ROUTES,
    create::ROUTES,
    destroy::ROUTES,
    power::ROUTES,
    shutdown::ROUTES,
    status::ROUTES,
];
