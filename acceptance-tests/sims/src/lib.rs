//! The simulated lab: services that answer as the real ones do, for tests without hardware.
//!
//! It shares no code with the provider. What it knows about a service comes from facts under
//! `acceptance-tests/spec` and from recorded exchanges.

pub mod options;
pub mod pve;
pub mod run;
pub mod tls;
pub mod wire_log;
