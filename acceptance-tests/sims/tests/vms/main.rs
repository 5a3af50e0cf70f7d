//! Virtual machines and volumes of the simulated Proxmox VE, call by call and without a network.

mod backups;
mod bench;
mod clock;
mod cluster;
mod config;
mod containers;
mod create;
mod disks;
mod files;
mod firewall;
mod locks;
mod nodes;
mod power;
mod reads;
mod snapshots;
