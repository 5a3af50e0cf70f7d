//! The templates of the cluster, newest first, for whoever looks for one by name or tag.

use std::cmp::Reverse;

use jiff::Timestamp;
use pve_client::{Error as PveError, Guest, Pve, VmAddress, VmConfig};

use crate::guests::machines;

/// A template and when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// The template.
    pub guest: Guest,
    /// When the machine that became the template was made; nothing while its node hides that.
    pub created_at: Option<Timestamp>,
}

/// The templates that a filter accepts, newest first. Of those made in the same second, the one with the higher number
/// comes first; those whose age is hidden come last.
pub(crate) async fn newest_first(
    pve: &Pve,
    accepts: impl Fn(&Guest) -> bool,
) -> pve_client::Result<Vec<Template>> {
    let mut found = Vec::new();
    for guest in machines(pve).await?.into_iter().filter(|guest| guest.template && accepts(guest)) {
        let created_at = match pve.vm_config(&VmAddress::new(guest.node.clone(), guest.id)).await {
            Ok(config) => created_at(&config),
            Err(error) if error.is_not_found() => continue,
            // A node that is down hides the configuration, and the user may lack the right to read it.
            Err(PveError::NeverSent { .. } | PveError::Forbidden { .. }) => None,
            Err(error) => return Err(error),
        };
        found.push(Template { guest, created_at });
    }
    sort(&mut found);
    Ok(found)
}

fn sort(templates: &mut [Template]) {
    templates.sort_by_key(|template| Reverse((template.created_at, template.guest.id)));
}

/// `meta: creation-qemu=9.2.0,ctime=1756000000`, which Proxmox VE writes when it makes or clones a machine.
fn created_at(config: &VmConfig) -> Option<Timestamp> {
    let seconds = config.value("meta")?.split(',').find_map(|part| part.strip_prefix("ctime="))?;
    Timestamp::from_second(seconds.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pve_client::{GuestKind, VmId};

    use super::*;

    fn template(id: u32, seconds: Option<i64>) -> Template {
        let guest = Guest {
            id: VmId::new(id).unwrap(),
            node: "pve1".parse().unwrap(),
            kind: GuestKind::Vm,
            name: None,
            status: "stopped".into(),
            template: true,
            pool: None,
            tags: BTreeSet::new(),
            lock: None,
            ha_state: None,
            memory_bytes: None,
        };
        Template { guest, created_at: seconds.map(|seconds| Timestamp::from_second(seconds).unwrap()) }
    }

    #[test]
    fn the_newest_comes_first_and_the_higher_number_among_equals() {
        let mut found = vec![
            template(100, Some(5)),
            template(101, None),
            template(102, Some(9)),
            template(103, Some(5)),
            template(104, Some(1)),
        ];
        sort(&mut found);
        let order: Vec<u32> = found.iter().map(|template| template.guest.id.number()).collect();
        assert_eq!(order, [102, 103, 100, 104, 101]);
    }

    #[test]
    fn the_age_is_read_from_what_proxmox_keeps_about_the_creation() {
        let config =
            |meta: &str| VmConfig { values: [("meta".to_owned(), meta.to_owned())].into(), digest: None };
        let told = created_at(&config("creation-qemu=9.2.0,ctime=1756000000"));
        assert_eq!(told.map(|time| time.as_second()), Some(1_756_000_000));
        assert_eq!(created_at(&config("creation-qemu=9.2.0")), None);
    }
}
