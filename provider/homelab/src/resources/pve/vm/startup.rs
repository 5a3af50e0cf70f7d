//! When a machine starts and stops among the others of its node.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{Writes, option, option_of, property};

/// Wire key.
const KEY: &str = "startup";

/// Name under which the order may stand in its property string.
const ORDER: Option<&str> = Some("order");

/// When a machine starts and stops among the others of its node, when the node starts and stops. It needs the privilege
/// Sys.Modify on `/`.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Startup {
    /// Place in the order of starting, at least 0; it stops in the opposite order. Machines without one start last.
    #[schema(wire = "order", validate = range(0, i64::from(i32::MAX)))]
    pub order: Option<u32>,

    /// How many seconds the next machine waits after this one was started. By default it is the node's own delay.
    #[schema(wire = "up", validate = range(0, i64::from(i32::MAX)))]
    pub up_delay_seconds: Option<u32>,

    /// How many seconds this machine may take to shut down. Proxmox VE's default is 180.
    #[schema(wire = "down", validate = range(0, i64::from(i32::MAX)))]
    pub down_delay_seconds: Option<u32>,
}

/// What a configuration says.
pub(super) fn read(named: Named<'_, Startup>, config: &VmConfig) -> Option<Startup> {
    let found = property(config, KEY, ORDER);
    let order = found.default.as_deref().and_then(|text| text.parse().ok());
    named.object(|startup| Startup {
        order: startup.of(|s| &s.order).found(order),
        up_delay_seconds: startup.of(|s| &s.up_delay_seconds).found(option_of(&found, "up")),
        down_delay_seconds: startup.of(|s| &s.down_delay_seconds).found(option_of(&found, "down")),
    })
}

/// Writes what changes.
pub(super) fn write(startup: Pair<'_, Startup>, out: &mut Writes<'_>) {
    out.property(KEY, ORDER, |property| {
        match startup.wish(|s| &s.order) {
            Edit::Keep => {}
            Edit::Set(order) => property.default = Some(order.to_string()),
            Edit::Clear => property.default = None,
        }
        option(property, "up", startup.wish(|s| &s.up_delay_seconds));
        option(property, "down", startup.wish(|s| &s.down_delay_seconds));
    });
}
