//! Privileges that the login lacks, told when planning instead of half-way through an apply.

use std::collections::BTreeSet;

use pve_client::Permissions;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors;

/// Something that the login must be allowed.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    /// The path in the access control list.
    path: String,
    /// Whether it has to hold below the path too.
    below: bool,
    /// Other paths, where it is enough too, each with whether it has to hold below.
    others: Vec<(String, bool)>,
    /// One of these is enough. Names that only other versions of Proxmox VE know may be among them.
    any_of: &'static [&'static str],
    /// The argument that needs it.
    argument: Option<Path>,
}

/// One of some privileges on a path.
pub(crate) fn need(path: impl Into<String>, any_of: &'static [&'static str]) -> Need {
    Need { path: path.into(), others: Vec::new(), below: false, any_of, argument: None }
}

/// One of some privileges on everything below a path.
pub(crate) fn need_below(path: impl Into<String>, any_of: &'static [&'static str]) -> Need {
    Need { below: true, ..need(path, any_of) }
}

/// Whether a plan changes anything.
pub(crate) fn changes<M: SchemaModel>(plan: &Plan<'_, M>) -> bool {
    let Some(prior) = &plan.prior else { return true };
    plan.want().is_none_or(|want| want.encode() != prior.encode())
}

impl Cx {
    /// Adds an error to a plan that changes something for each need that is not met. What the login may do is asked
    /// once per run. Whoever cannot be asked is said to be so once, and not blamed for more: the change itself will tell.
    pub(crate) async fn preflight<M: SchemaModel>(
        &self,
        plan: &mut Plan<'_, M>,
        needs: &[Need],
    ) -> Result<()> {
        if !changes(plan) {
            return Ok(());
        }
        let (Ok(pve), Some(memory)) = (self.pve(), self.memory()) else { return Ok(()) };
        // The superuser may do everything; only a token of his may have privileges of its own.
        if needs.is_empty() || pve.client().identity() == "root@pam" {
            return Ok(());
        }
        if memory.is_unreachable() {
            return Ok(());
        }
        let permissions = match memory.permissions(&pve).await {
            Ok(permissions) => permissions,
            Err(error) => {
                if let Some(message) =
                    errors::cannot_be_asked(self, error).filter(|_| memory.note_unreachable())
                {
                    plan.push(message);
                }
                return Ok(());
            }
        };
        let mut missing: Vec<&Need> = needs.iter().filter(|need| !need.met_by(&permissions)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let known = memory.privileges(&pve).await.map(|known| (*known).clone()).unwrap_or_default();
        // Nobody needs what this version does not know, such as VM.Replicate of Proxmox VE 9.
        missing.retain(|need| known.is_empty() || need.any_of.iter().any(|name| known.contains(*name)));
        let identity = pve.client().identity();
        for message in messages(&missing, &identity, M::NAME, &known) {
            plan.push(message);
        }
        Ok(())
    }
}

impl Cx {
    /// Whether the login is known to be allowed something.
    pub(crate) async fn may(&self, need: &Need) -> bool {
        let (Ok(pve), Some(memory)) = (self.pve(), self.memory()) else { return false };
        pve.client().identity() == "root@pam"
            || memory.permissions(&pve).await.is_ok_and(|permissions| need.met_by(&permissions))
    }
}

impl Cx {
    /// Whether the login has some privileges on every guest, pool and storage, so that nobody has to look which of these a
    /// change is about. Whoever cannot be asked is not blamed.
    pub(crate) async fn may_everywhere(&self, privileges: &[&str]) -> bool {
        let (Ok(pve), Some(memory)) = (self.pve(), self.memory()) else { return true };
        if pve.client().identity() == "root@pam" {
            return true;
        }
        let Ok(permissions) = memory.permissions(&pve).await else { return true };
        let concerns = |path: &str| {
            path == "/" || ["/vms", "/pool", "/storage"].iter().any(|area| path.starts_with(area))
        };
        permissions.contains_key("/")
            && permissions
                .iter()
                .filter(|(path, _)| concerns(path))
                .all(|(_, granted)| privileges.iter().all(|name| granted.get(*name) == Some(&true)))
    }
}

impl Need {
    /// Other paths, where the privilege is enough too.
    pub(crate) fn or_on(mut self, paths: impl IntoIterator<Item = String>) -> Self {
        self.others.extend(paths.into_iter().map(|path| (path, false)));
        self
    }

    /// Another path, where the privilege is enough too if it holds on everything below.
    pub(crate) fn or_below(mut self, path: &str) -> Self {
        self.others.push((path.to_owned(), true));
        self
    }

    /// What in the configuration needs it.
    pub(crate) fn at(mut self, argument: Path) -> Self {
        self.argument = Some(argument);
        self
    }

    fn met_by(&self, permissions: &Permissions) -> bool {
        self.met_on(&self.path, self.below, permissions)
            || self.others.iter().any(|(path, below)| self.met_on(path, *below, permissions))
    }

    /// The permissions list some paths only; what propagates from the nearest of them above holds too.
    fn met_on(&self, path: &str, below: bool, permissions: &Permissions) -> bool {
        let has = |path: &str, inherited: bool| {
            permissions.get(path).map(|granted| {
                self.any_of
                    .iter()
                    .any(|name| granted.get(*name).is_some_and(|propagates| *propagates || !inherited))
            })
        };
        if let Some(met) = has(path, below) {
            return met;
        }
        let mut path = path;
        while let Some((above, _)) = path.rsplit_once('/') {
            path = above;
            if let Some(met) = has(if above.is_empty() { "/" } else { above }, true) {
                return met;
            }
        }
        false
    }

    /// The alternatives that this version knows.
    fn names(&self, known: &BTreeSet<String>) -> Vec<&'static str> {
        let names: Vec<_> = self.any_of.iter().copied().filter(|name| known.contains(*name)).collect();
        if names.is_empty() { self.any_of.to_vec() } else { names }
    }
}

/// A message for each path and argument, in the order of the needs.
fn messages(missing: &[&Need], identity: &str, type_name: &str, known: &BTreeSet<String>) -> Vec<Diagnostic> {
    let mut groups: Vec<(&Need, Vec<Vec<&str>>)> = Vec::new();
    for need in missing {
        let names = need.names(known);
        match groups.iter_mut().find(|(of, _)| of.path == need.path && of.argument == need.argument) {
            Some((_, group)) if group.contains(&names) => {}
            Some((_, group)) => group.push(names),
            None => groups.push((need, vec![names])),
        }
    }
    let message = |(need, names): (&Need, Vec<Vec<&str>>)| {
        let detail = format!(
            "{identity} is not allowed to make this change of a homelab_{type_name}. {}",
            errors::how_to_grant(identity, &need.path, &names)
        );
        let message = Diagnostic::error("Permission is missing", detail);
        match &need.argument {
            Some(argument) => message.at(argument.clone()),
            None => message,
        }
    };
    groups.into_iter().map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(rows: &[(&str, &str, bool)]) -> Permissions {
        let mut permissions = Permissions::new();
        for (path, name, propagates) in rows {
            permissions.entry((*path).to_owned()).or_default().insert((*name).to_owned(), *propagates);
        }
        permissions
    }

    #[test]
    fn a_grant_holds_on_its_path_and_below_only_if_it_propagates() {
        let permissions =
            granted(&[("/", "Sys.Audit", true), ("/vms/150", "VM.Audit", false), ("/vms", "VM.Audit", true)]);
        for (path, name, met) in [
            ("/", "Sys.Audit", true),
            ("/access/groups", "Sys.Audit", true),
            ("/vms/150", "VM.Audit", true),
            ("/vms/150/x", "VM.Audit", false),
            ("/vms/100", "VM.Audit", true),
            ("/storage/local", "VM.Audit", false),
            ("/", "Sys.Modify", false),
        ] {
            let any_of: &[&str] = match name {
                "VM.Audit" => &["VM.Audit"],
                "Sys.Audit" => &["Sys.Audit"],
                _ => &["Sys.Modify"],
            };
            let need = need(path, any_of);
            assert_eq!(need.met_by(&permissions), met, "{name} on {path}");
        }
        assert!(!need("/", &["Sys.Audit"]).met_by(&Permissions::new()));
        let either = need("/pool/web", &["VM.Audit"]).or_on(["/vms/150".to_owned()]);
        assert!(either.met_by(&permissions));
        let everywhere = |path: &str| need_below(path, &["VM.Audit"]).met_by(&permissions);
        assert!(everywhere("/vms") && !everywhere("/vms/150"));
    }

    #[test]
    fn the_message_names_the_privilege_of_this_version_and_the_commands() {
        let need = need("/vms/100", &["VM.GuestAgent.Audit", "VM.Monitor"]);
        let known = BTreeSet::from(["VM.Monitor".to_owned()]);
        let told = messages(&[&need], "tf@pve!ci", "pve_vm", &known);
        let [told] = &told[..] else { panic!("{told:?}") };
        assert!(told.detail.contains("pveum role add HomelabVMMonitor --privs VM.Monitor"), "{told}");
        assert!(told.detail.contains("pveum acl modify /vms/100 --tokens 'tf@pve!ci'"), "{told}");
        assert!(!told.detail.contains("GuestAgent"), "{told}");
    }

    #[test]
    fn what_one_path_lacks_is_one_message() {
        let needs = [
            need("/pool/web", &["VM.Allocate"]),
            need("/storage/fast", &["Datastore.AllocateSpace"]),
            need("/pool/web", &["VM.Config.Disk"]),
            need("/pool/web", &["VM.Allocate"]),
        ];
        let missing: Vec<&Need> = needs.iter().collect();
        let told = messages(&missing, "tf@pve", "pve_vm", &BTreeSet::new());
        let [pool, storage] = &told[..] else { panic!("{told:?}") };
        assert!(pool.detail.contains("the privileges VM.Allocate, VM.Config.Disk on /pool/web"), "{pool}");
        let granted =
            "pveum acl modify /pool/web --users 'tf@pve' --roles HomelabVMAllocate,HomelabVMConfigDisk";
        assert!(pool.detail.contains(granted), "{pool}");
        assert!(
            storage.detail.contains("the privilege Datastore.AllocateSpace on /storage/fast"),
            "{storage}"
        );
    }

    #[test]
    fn another_path_may_have_to_hold_below() {
        let need = need("/pool/web", &["VM.Allocate"]).or_below("/vms");
        assert!(need.met_by(&granted(&[("/vms", "VM.Allocate", true)])));
        assert!(!need.met_by(&granted(&[("/vms", "VM.Allocate", false)])));
    }
}
