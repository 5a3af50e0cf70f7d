//! Whether the roles, users, groups and tokens that a plan names are there, and what a path of the access control list is
//! about.

use pve_client::{MappingKind, MappingName, NodeName, Pve};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::memory::{Expected, Memory};
use crate::preflight::{changes, need};

/// What a path of the access control list is about.
#[derive(Clone, Debug, PartialEq)]
enum Subject {
    /// Something that a run may make.
    Thing(Expected),
    /// A node.
    Node(NodeName),
    /// A mapping.
    Mapping(MappingKind, MappingName),
}

/// Whether Proxmox VE takes entries for a path (pve-access-control 9.1.1, `AccessControl.pm`).
fn is_known(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).filter(|part| !part.is_empty()).collect();
    match parts[..] {
        [] | ["access" | "mapping" | "nodes" | "pool" | "sdn" | "storage" | "vms"] => true,
        ["access", "groups" | "realm"] | ["access", "groups" | "realm", _] => true,
        ["mapping", _] | ["mapping", _, _] | ["nodes" | "storage", _] | ["sdn", ..] => true,
        ["pool", ..] => parts.len() <= 4,
        ["vms", id] => id.len() >= 3 && id.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

/// What a path is about, if it is about one thing. `/vms` and `/storage` are about many.
fn subject(path: &str) -> Option<Subject> {
    let (kind, name) = path.strip_prefix('/')?.split_once('/')?;
    let thing = match kind {
        "pool" => Expected::Pool(name.parse().ok()?),
        "storage" => Expected::Storage(name.parse().ok()?),
        "vms" => Expected::Vm(name.parse().ok()?),
        "access" => Expected::Group(name.strip_prefix("groups/")?.parse().ok()?),
        "nodes" => return Some(Subject::Node(name.parse().ok()?)),
        "mapping" => {
            let (kind, name) = name.split_once('/')?;
            let kinds = [MappingKind::Pci, MappingKind::Usb, MappingKind::Dir];
            let kind = kinds.into_iter().find(|known| known.to_string() == kind)?;
            return Some(Subject::Mapping(kind, name.parse().ok()?));
        }
        _ => return None,
    };
    Some(Subject::Thing(thing))
}

/// What it is called in a message.
fn title(thing: &Expected) -> (&'static str, String) {
    match thing {
        Expected::Bridge(_, name) => ("Bridge", name.to_string()),
        Expected::Interface(_, name) => ("Interface", name.to_string()),
        Expected::FreeDisk(_, path) => ("Disk", path.clone()),
        Expected::Group(name) => ("Group", name.to_string()),
        Expected::HaResource(id) => ("HA resource", id.to_string()),
        Expected::Pool(name) => ("Pool", name.to_string()),
        Expected::Role(name) => ("Role", name.to_string()),
        Expected::Storage(name) => ("Storage", name.to_string()),
        Expected::Token(id) => ("Token", id.to_string()),
        Expected::User(id) => ("User", id.to_string()),
        Expected::Vm(id) => ("Guest", id.to_string()),
        Expected::Volume(id) => ("Volume", id.to_string()),
    }
}

/// A title inside a sentence: abbreviations keep their capitals.
fn in_a_sentence(title: &str) -> String {
    if title.starts_with("HA ") { title.to_owned() } else { title.to_lowercase() }
}

/// Whether something is there; nothing when the login could not see it anyway.
async fn is_there(cx: &Cx, pve: &Pve, memory: &Memory, thing: &Expected) -> Option<bool> {
    // Who is shown all users and groups (pve-access-control 9.1.1, `API2/User.pm` and `API2/Group.pm`).
    let sees_all = need("/access/groups", &["User.Modify", "Sys.Audit"]);
    match thing {
        Expected::Role(name) => Some(memory.roles(pve).await.ok()?.contains(name)),
        Expected::User(_) | Expected::Token(_) | Expected::Group(_) if !cx.may(&sees_all).await => None,
        Expected::User(id) => Some(memory.logins(pve).await.ok()?.users.contains(id)),
        Expected::Token(id) => Some(memory.logins(pve).await.ok()?.tokens.contains(id)),
        Expected::Group(name) => Some(memory.groups(pve).await.ok()?.contains(name)),
        Expected::HaResource(id) => Some(memory.ha_services(pve).await.ok()?.contains(id)),
        Expected::Pool(name) => Some(pve.cluster().await.ok()?.pools.contains(name)),
        Expected::Storage(name) => {
            Some(pve.cluster().await.ok()?.storages.iter().any(|found| found.name == *name))
        }
        Expected::Vm(id) => Some(pve.guests().await.ok()?.iter().any(|guest| guest.id == *id)),
        Expected::Bridge(..) | Expected::Interface(..) | Expected::FreeDisk(..) | Expected::Volume(_) => None,
    }
}

impl Cx {
    /// Whether something is there; nothing when that cannot be told.
    pub(crate) async fn is_there(&self, thing: &Expected) -> Option<bool> {
        let (Ok(pve), Some(memory)) = (self.pve(), self.memory()) else { return None };
        if memory.is_unreachable() { None } else { is_there(self, &pve, memory, thing).await }
    }

    /// Warns of whom and what a plan names, without whom its apply fails.
    pub(crate) async fn check_there<M: SchemaModel>(
        &self,
        plan: &mut Plan<'_, M>,
        named: impl IntoIterator<Item = (Path, Expected)>,
    ) {
        let (Ok(pve), Some(memory)) = (self.pve(), self.memory()) else { return };
        if plan.is_destroy() || !changes(plan) {
            return;
        }
        for (path, thing) in named {
            if self.expects(&thing) || is_there(self, &pve, memory, &thing).await != Some(false) {
                continue;
            }
            let (kind, name) = title(&thing);
            plan.warn(
                path,
                format!("{kind} does not exist"),
                format!(
                    "There is no {} {name:?} that this login may see, so the apply fails unless it is made before. If this \
                     configuration makes it, refer to its resource.",
                    in_a_sentence(kind)
                ),
            );
        }
    }

    /// Warns of a path of the access control list that is about something that is not there.
    pub(crate) async fn check_subject<M: SchemaModel>(
        &self,
        plan: &mut Plan<'_, M>,
        argument: &str,
        path: &str,
    ) {
        if plan.is_destroy() || !changes(plan) {
            return;
        }
        if !is_known(path) {
            plan.warn(
                argument,
                "Path is not known",
                format!(
                    "Proxmox VE 9.2 knows no path such as {path:?} and refuses entries for it. Paths begin with /access, \
                     /mapping, /nodes, /pool, /sdn, /storage or /vms; a guest is named by its ID, as in /vms/100."
                ),
            );
            return;
        }
        let (Some(subject), Ok(pve), Some(memory)) = (subject(path), self.pve(), self.memory()) else {
            return;
        };
        let missing = match &subject {
            Subject::Thing(thing) if self.expects(thing) => None,
            Subject::Thing(thing) => {
                let is_there = is_there(self, &pve, memory, thing).await;
                (is_there == Some(false)).then(|| {
                    let (kind, name) = title(thing);
                    format!("{} {name:?}", in_a_sentence(kind))
                })
            }
            Subject::Node(name) => {
                let Ok(cluster) = pve.cluster().await else { return };
                super::missing_node(&cluster, name.as_str()).map(|_| format!("node {:?}", name.as_str()))
            }
            Subject::Mapping(kind, name) => {
                let Ok(found) = memory.mappings(&pve, *kind).await else { return };
                let is_there = memory.planned_mapping(*kind, name).is_some()
                    || found.iter().any(|mapping| mapping.name == *name);
                (!is_there).then(|| format!("mapping {:?} of this kind", name.as_str()))
            }
        };
        let Some(missing) = missing else { return };
        plan.warn(
            argument,
            "Path leads nowhere",
            format!(
                "There is no {missing} that this login may see. Proxmox VE takes an entry for {path:?} all the same, and it \
                 means nothing until there is one. If this configuration makes it, refer to its resource."
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_roots_of_the_service_have_entries() {
        for path in [
            "/",
            "/access/realm/pve",
            "/mapping/pci/gpu",
            "/pool/a/b/c",
            "/sdn/zones/z/v/5",
            "/vms/100",
            "/nodes/pve1",
        ] {
            assert!(is_known(path), "{path}");
        }
        for path in
            ["/nope", "/vms/99", "/vms/web", "/nodes/pve1/disks", "/pool/a/b/c/d", "/access/users/a@pve"]
        {
            assert!(!is_known(path), "{path}");
        }
    }

    #[test]
    fn a_path_is_about_one_thing_or_about_many() {
        let thing = |path: &str| subject(path).map(|subject| format!("{subject:?}"));
        for path in [
            "/",
            "/vms",
            "/pool",
            "/storage",
            "/access/groups",
            "/access/realm/pve",
            "/sdn/zones/z/v",
            "/vms/x",
        ] {
            assert_eq!(thing(path), None, "{path}");
        }
        assert_eq!(subject("/vms/100"), Some(Subject::Thing(Expected::Vm("100".parse().unwrap()))));
        assert_eq!(subject("/pool/a/b"), Some(Subject::Thing(Expected::Pool("a/b".parse().unwrap()))));
        assert_eq!(
            subject("/access/groups/ops"),
            Some(Subject::Thing(Expected::Group("ops".parse().unwrap())))
        );
        assert_eq!(subject("/nodes/pve1"), Some(Subject::Node("pve1".parse().unwrap())));
        assert_eq!(
            subject("/mapping/usb/stick"),
            Some(Subject::Mapping(MappingKind::Usb, "stick".parse().unwrap()))
        );
    }
}
