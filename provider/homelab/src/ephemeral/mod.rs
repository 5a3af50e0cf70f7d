//! Ephemeral resources.

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every ephemeral resource.
pub(crate) fn register(_registry: &mut Registry<Cx>) {}
