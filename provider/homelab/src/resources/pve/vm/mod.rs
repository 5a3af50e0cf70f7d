//! `homelab_pve_vm`: a virtual machine. One file per device, and one per step of its life.

mod address;
mod agent;
mod cdrom;
mod clone;
mod cloud_init;
mod config;
mod cpu;
mod disk;
mod firmware;
mod ip_config;
mod limits;
mod marker;
mod memory;
mod model;
mod named;
mod network;
mod slot;
mod writes;
