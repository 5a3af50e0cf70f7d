//! The simulated Proxmox VE: one state, one lock, handlers per path and method.

pub mod admin;
pub mod answer;
pub mod auth;
pub mod body;
pub mod calendar;
pub mod check;
pub mod content;
pub mod faults;
pub mod firewall;
pub mod formats;
pub mod handlers;
pub mod http;
pub mod params;
pub mod permissions;
pub mod profile;
pub mod property;
pub mod qemu;
pub mod release;
pub mod roles;
pub mod router;
pub mod schema;
pub mod section;
pub mod server;
pub mod state;
pub mod tasks;
pub mod upid;
