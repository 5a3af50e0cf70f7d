//! The provider `homelab`: the only crate that knows both Terraform and the services it drives.

pub mod cx;
mod data_sources;
mod ephemeral;
pub mod errors;
mod functions;
mod guests;
pub mod image;
mod memory;
mod name_pattern;
mod preflight;
mod presence;
pub mod provider;
mod pve_connection;
mod resources;
mod templates;

pub use provider::Homelab;
