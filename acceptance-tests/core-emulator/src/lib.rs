//! The part of OpenTofu and Terraform that talks to a provider: starts it, speaks the protocol, and applies the
//! rules that the CLIs apply to its answers.
//!
//! It knows nothing of the provider's code. It covers what the CLIs that can be installed everywhere lack: resource
//! identity, and OpenTofu's functions and ephemeral resources.

mod certificate;
mod change;
mod core;
mod extras;
mod failure;
mod functions;
mod launch;
mod msgpack;
#[expect(missing_docs, reason = "generated from the wire definitions")]
pub mod proto;
pub mod rules;
mod schema;
mod types;
mod value;

pub use certificate::Identity;
pub use change::{Action, Applied, Plan, State};
pub use core::Core;
pub use extras::Opened;
pub use failure::{Failure, Message};
pub use functions::Cli;
pub use launch::{Handshake, Launch, LaunchError, Plugin};
pub use schema::{Attribute, Nesting, Schema};
pub use types::Type;
pub use value::{UNKNOWN, Value};
