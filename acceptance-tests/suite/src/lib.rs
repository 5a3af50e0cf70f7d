//! Drives real CLIs, the built plugin and the simulated lab, all as separate processes.
//!
//! It links none of them: a mistake that the plugin and the simulator shared would stay hidden.

pub mod cli;
pub mod cycle;
pub mod data_disks;
pub mod faults;
pub mod files;
mod http;
pub mod lab;
pub mod plugin;
pub mod process;
pub mod stack;
pub mod vms;
pub mod workspace;

pub use lab::Lab;
pub use stack::Stack;
pub use workspace::Workspace;
