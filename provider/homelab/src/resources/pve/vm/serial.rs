//! Serial ports of a machine.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::slot;
use super::writes::Writes;

/// What stands for a port that ends in a socket on the node.
const SOCKET: &str = "socket";

/// A serial port.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Serial {
    /// Port of the node that it is connected to, such as `/dev/ttyS0`; only `root@pam` with a password may set it. By
    /// default it ends in a socket on the node, which the console of the web interface and `qm terminal` open.
    #[schema(wire = "serial", validate = matches("a device below `/dev/`, without commas", is_device))]
    pub host_device: Option<String>,
}

fn is_device(text: &str) -> bool {
    text.strip_prefix("/dev/").is_some_and(|rest| !rest.is_empty() && !rest.contains([',', '\n']))
}

/// What a configuration says.
pub(super) fn read(
    named: Named<'_, BTreeMap<String, Serial>>,
    config: &VmConfig,
) -> Option<BTreeMap<String, Serial>> {
    let slots = config.values.keys().filter(|key| slot::is_serial(key)).cloned();
    named.entries(slots, |_, slot| {
        let found = config.value(slot)?.to_owned();
        Some(Serial { host_device: Some(found).filter(|found| found != SOCKET) })
    })
}

/// Writes what changes.
pub(super) fn write(ports: Pair<'_, BTreeMap<String, Serial>>, out: &mut Writes<'_>) {
    for (slot, port) in ports.slots() {
        match port.want {
            None => out.remove(slot),
            Some(want) => out.put(slot, want.host_device.as_deref().unwrap_or(SOCKET)),
        }
    }
}
