//! The provider without a CLI, against a Proxmox VE that follows a script.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod pool;
mod support;
mod ticket;
