//! Disk images: what is done to them on the way to a node.

pub mod decode;
pub(crate) mod local;
