//! What the tests share: the core's side of the protocol.

pub mod core;
