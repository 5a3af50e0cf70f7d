//! Virtual machines: `/nodes/{node}/qemu/**`.
//!
//! A VM is kept as its configuration file is: options as property strings, pending changes, snapshots. What runs in
//! it is only whether a system reacts to the power button and lets go of devices, and whether its agent answers
//! (`GuestSystems` of the profile). Not played: what is behind consoles, remote migration, commands in the guest,
//! statistics. Copies and moves take the usual time of a task whatever their size.

pub mod agent;
pub mod boot;
pub mod clone;
pub mod cloudinit;
pub mod cloudinit_calls;
pub mod config;
pub mod cpu_models;
pub mod create;
pub mod destroy;
pub mod disks;
pub mod drive;
pub mod feature;
pub mod guard;
pub mod hibernate;
pub mod hotplug;
pub mod managed;
pub mod migrate;
pub mod move_disk;
pub mod network;
pub mod normal;
pub mod options;
pub mod passthrough;
pub mod pending;
pub mod permission;
pub mod power;
pub mod reassign;
pub mod resize;
pub mod rollback;
pub mod shutdown;
pub mod size;
pub mod snapshot;
pub mod startable;
pub mod status;
pub mod template;
pub mod update;
pub mod vm;

use super::handlers::Route;

/// Handlers of this part.
pub const ROUTES: &[&[Route]] = &[
    agent::ROUTES,
    clone::ROUTES,
    cloudinit_calls::ROUTES,
    config::ROUTES,
    cpu_models::ROUTES,
    create::ROUTES,
    destroy::ROUTES,
    feature::ROUTES,
    migrate::ROUTES,
    move_disk::ROUTES,
    power::ROUTES,
    resize::ROUTES,
    rollback::ROUTES,
    shutdown::ROUTES,
    snapshot::ROUTES,
    status::ROUTES,
    template::ROUTES,
];
