//! Ephemeral resources: values that live as long as one run and are never stored.

mod pve_ticket;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every ephemeral resource.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry.ephemeral::<pve_ticket::Ticket>();
}
