//! The virtual machines of the cluster, of which one listing is enough for a whole run, and what runs inside one.

use pve_client::{Error as PveError, Guest, GuestKind, Problem, Pve, VmAddress};

use crate::resources::pve::vm::{Addresses, addresses_of};

/// All virtual machines, by number. The cluster's list learns the name and tags of a new machine up to ten seconds
/// late, so what it lacks comes from the machine's configuration.
pub(crate) async fn machines(pve: &Pve) -> pve_client::Result<Vec<Guest>> {
    let mut machines = Vec::new();
    for guest in pve.guests().await?.iter().filter(|guest| guest.kind == GuestKind::Vm) {
        let mut guest = guest.clone();
        if guest.name.is_none() && !complete(pve, &mut guest).await? {
            continue;
        }
        machines.push(guest);
    }
    Ok(machines)
}

/// Adds name, tags and template from the configuration; false if the machine is gone.
async fn complete(pve: &Pve, guest: &mut Guest) -> pve_client::Result<bool> {
    let config = match pve.vm_config(&VmAddress::new(guest.node.clone(), guest.id)).await {
        Ok(config) => config,
        Err(error) if error.is_not_found() => return Ok(false),
        // A node that is down hides the configuration, and the user may lack the right to read it.
        Err(PveError::NeverSent { .. } | PveError::Forbidden { .. }) => return Ok(true),
        Err(error) => return Err(error),
    };
    guest.name = config.value("name").map(str::to_owned);
    guest.template = config.value("template") == Some("1");
    guest.tags = config.tags();
    Ok(true)
}

/// The present addresses of a machine by interface; nothing if it does not run or nobody inside answers.
pub(crate) async fn addresses(pve: &Pve, at: &VmAddress) -> pve_client::Result<Option<Addresses>> {
    let (config, found) = tokio::join!(pve.vm_config(at), pve.agent_interfaces(at));
    match found {
        Ok(Some(found)) => Ok(Some(addresses_of(&found, &config?, None))),
        Ok(None) => Ok(None),
        Err(error) if matches!(error.problem(), Problem::AgentDisabled | Problem::NotRunning) => Ok(None),
        Err(error) => Err(error),
    }
}
