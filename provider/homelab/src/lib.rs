//! The provider `homelab`: the only crate that knows both Terraform and the services it drives.

pub mod cx;
mod data_sources;
mod ephemeral;
pub mod errors;
mod functions;
pub mod image;
mod memory;
mod preflight;
pub mod provider;
mod pve_connection;
mod resources;

pub use provider::Homelab;
