//! One machine at work: where it is, who asks, and how its failures are told.

use std::future::Future;

use pve_client::{Error as PveError, Finished, Pve, Upid, VmAddress, VmConfig};
use tf_framework::prelude::*;

use super::model::Vm;
use super::{ownership, slot};
use crate::cx::Cx;
use crate::errors::{self, Explain as _};

/// A machine that an operation works on.
pub(super) struct Machine<'a> {
    /// The operation.
    pub cx: &'a Cx,
    /// The client, bound to the operation.
    pub pve: Pve,
    /// The machine and its node.
    pub at: VmAddress,
    /// What is wanted of it, unless it is to go.
    pub want: Option<&'a Vm>,
}

impl Machine<'_> {
    /// What an operation tries, for messages.
    pub(super) fn what(&self, verb: &str) -> String {
        format!("{verb} VM {} on node {:?}", self.at.id, self.at.node.as_str())
    }

    /// Turns a failure into messages, on the arguments that the service blames.
    pub(super) fn explain<T>(&self, result: pve_client::Result<T>, verb: &str) -> Result<T> {
        result.explain_at(self.cx, self.what(verb), &|wire| self.argument(wire))
    }

    /// The argument behind a wire key.
    fn argument(&self, wire: &str) -> Option<Path> {
        let vm = self.want;
        let entry = |map: &str| Some(Path::from(map).key(wire));
        if let Some(attribute) = slot::attribute(wire) {
            return entry(attribute);
        }
        if slot::is_ip_config(wire) {
            return entry("cloud_init.ip_configs");
        }
        if vm.and_then(|vm| vm.cdroms.as_ref()).is_some_and(|cdroms| cdroms.contains_key(wire)) {
            return entry("cdroms");
        }
        let cloud_init = vm.and_then(|vm| vm.cloud_init.as_ref());
        if cloud_init.is_some_and(|cloud_init| cloud_init.slot.known().is_some_and(|slot| slot == wire)) {
            return Some("cloud_init.slot".into());
        }
        if vm.and_then(|vm| vm.data_disks.as_ref()).is_some_and(|disks| disks.contains_key(wire)) {
            return entry("data_disks");
        }
        if slot::is_disk(wire) {
            return entry("disks");
        }
        // Not one of the arguments that have this name inside.
        if wire == "storage" {
            let copies =
                vm.and_then(|vm| vm.clone.as_ref()).is_some_and(|clone| clone.storage_name.is_some());
            return Some(if copies { "clone.storage_name".into() } else { "disks".into() });
        }
        errors::path_of_wire(&Vm::attributes(), wire)
    }

    /// Starts a task and waits for it, again if only a file lock was not free. Its warnings are told.
    pub(super) async fn task<F>(&self, verb: &str, send: impl Fn() -> F) -> pve_client::Result<Finished>
    where
        F: Future<Output = pve_client::Result<Upid>>,
    {
        let send = &send;
        let run = || async move {
            let upid = send().await?;
            self.pve.wait(&upid).await
        };
        let finished = self.pve.patiently(run).await?;
        if let Some(warning) = errors::task_warnings(&finished, &self.what(verb)) {
            self.cx.operation().warn(warning);
        }
        Ok(finished)
    }

    /// The configuration as it is now, provided that the machine is still the one this operation is about.
    pub(super) async fn config(&self) -> Result<VmConfig> {
        let config = self.explain(self.pve.vm_config(&self.at).await, "read")?;
        ownership::demand(self, &config)?;
        Ok(config)
    }
}

/// Whether the answer of a change was lost.
pub(super) fn is_lost<T>(result: &pve_client::Result<T>) -> bool {
    matches!(result, Err(PveError::MaybeApplied { .. }))
}
