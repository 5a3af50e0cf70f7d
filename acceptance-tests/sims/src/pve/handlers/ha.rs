//! `/cluster/ha`: resources, rules and status.

use super::Route;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[];

impl Lab {
    /// The state that lists show for a guest that HA manages.
    pub fn ha_state(&self, vmid: u32) -> Option<&str> {
        let resource = self.ha_resources.get(&format!("vm:{vmid}"))?;
        Some(resource.get("state").map_or("started", String::as_str))
    }
}
