//! `homelab_pve_ha_resource`: a guest under the high-availability manager.

use pve_client::{HaServiceId, Settings};
use tf_framework::prelude::*;

use super::data_disk::ties::{self, Mobility};
use super::lifecycle::Object;
use super::text::one_trimmed_line;
use super::vm;
use crate::cx::Cx;
use crate::memory::Expected;
use crate::preflight::need;

/// A guest that the high-availability manager keeps in a state, restarts and moves to another node when its own fails.
///
/// The manager starts and stops the guest as `state` says, whoever else wants something different. It needs a cluster
/// of at least three votes, and disks that other nodes can reach.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_ha_resource")]
pub struct HaResource {
    /// The guest: `vm:` and its ID for a virtual machine, `ct:` for a container. It must exist. A change replaces the
    /// resource.
    #[schema(parse, wire = "sid", replace)]
    pub service_id: HaServiceId,

    /// State that the manager keeps the guest in: `started`, `stopped`, `disabled` (stopped, and not moved when the node
    /// fails) or `ignored` (left alone). Default `started`.
    #[schema(wire = "state", default = "started", validate = one_of(["started", "stopped", "disabled", "ignored"]))]
    pub state: Defaulted<String>,

    /// Whether the guest goes back to a preferred node when that is up again. New in Proxmox VE 9. Proxmox VE's default
    /// is `true`.
    #[schema(wire = "failback")]
    pub failback: Option<bool>,

    /// How often a start is tried again on the same node. Proxmox VE's default is 1.
    #[schema(wire = "max_restart", validate = range(0, i64::MAX))]
    pub max_restarts: Option<i64>,

    /// How often the guest is moved when it does not start. Proxmox VE's default is 1.
    #[schema(wire = "max_relocate", validate = range(0, i64::MAX))]
    pub max_relocations: Option<i64>,

    /// Text shown beside the guest in the web interface. One line.
    #[schema(wire = "comment", validate = length(1, 4096), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub comment: Option<String>,
}

fn object(id: &HaServiceId) -> Object<'_> {
    Object::new("HA resource", id, "service_id")
}

impl HaResource {
    fn settings(&self) -> Settings {
        Settings::new()
            .opt("state", self.state.known())
            .bool("failback", self.failback)
            .opt("max_restart", self.max_restarts)
            .opt("max_relocate", self.max_relocations)
            .opt("comment", self.comment.as_ref())
    }

    fn read(found: pve_client::HaResource) -> Self {
        let settings = &found.settings;
        // `enabled` is an older name of `started` (pve-ha-manager 5.2.0, `Resources.pm`).
        let state = settings.text("state").filter(|state| *state != "enabled").unwrap_or("started");
        Self {
            service_id: found.id,
            state: state.into(),
            failback: settings.truth("failback"),
            max_restarts: settings.int("max_restart"),
            max_relocations: settings.int("max_relocate"),
            comment: settings.string("comment"),
        }
    }
}

/// Whether a plan gives a guest to the manager.
fn begins(plan: &Plan<'_, HaResource>) -> bool {
    let is_ignored = |state: Option<&str>| state == Some("ignored");
    let had = plan.prior.as_ref().is_some_and(|prior| !is_ignored(prior.state.known().map(String::as_str)));
    !had && !plan.is_destroy() && !is_ignored(plan.planned.attribute("state").as_str())
}

impl Resource for HaResource {
    type Cx = Cx;
    type Id = HaServiceId;

    fn id(&self) -> HaServiceId {
        self.service_id
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        let mut needs = vec![need("/", &["Sys.Console"]), need("/", &["Sys.Audit"])];
        if let Some(service) = plan.prior.as_ref().map(|prior| prior.service_id).filter(|_| plan.is_destroy())
            && !service.container
        {
            needs.extend(vm::freed(cx, service.guest, plan));
        }
        if begins(plan) {
            let service = plan.planned.attribute("service_id").as_str().map(str::parse::<HaServiceId>);
            match service {
                Some(Ok(service)) if service.container => {}
                service => {
                    let vm = service.and_then(|service| service.ok()).map(|service| service.guest);
                    ties::tell(cx, vm, Mobility::HighAvailability, "service_id", plan).await?;
                }
            }
        }
        if let Some(want) = plan.want().filter(|_| plan.is_create()) {
            let guest = Expected::Vm(want.service_id.guest);
            cx.expect(Expected::HaResource(want.service_id));
            cx.check_there(plan, [("service_id".into(), guest)]).await;
        }
        cx.preflight(plan, &needs).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<HaServiceId> {
        let (pve, id, settings) = (cx.pve()?, want.service_id, want.settings());
        let ours = |found: &pve_client::HaResource| HaResource::read(found.clone()) == *want;
        object(&id)
            .create::<Self, _, _, _, _, _>(
                cx,
                || pve.ha_resource(&id),
                ours,
                || pve.create_ha_resource(&id, &settings),
            )
            .await?;
        Ok(id)
    }

    async fn read(cx: &Cx, id: &HaServiceId, _prior: Option<&Self>) -> Result<Option<Self>> {
        let pve = cx.pve()?;
        Ok(object(id).read::<Self, _>(cx, pve.ha_resource(id)).await?.map(HaResource::read))
    }

    async fn update(cx: &Cx, id: &HaServiceId, change: Change<'_, Self>) -> Result<()> {
        let pve = cx.pve()?;
        let changes = change.prior.settings().changes_to(&change.want.settings());
        object(id).change::<Self, _, _>(cx, || pve.change_ha_resource(id, &changes)).await
    }

    async fn delete(cx: &Cx, id: &HaServiceId, _prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        object(id).delete::<Self, _, _>(cx, || pve.delete_ha_resource(id)).await?;
        vm::after_manager(cx, &pve, id.guest).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_is_not_said_is_started() {
        let read =
            |settings| HaResource::read(pve_client::HaResource { id: "vm:100".parse().unwrap(), settings });
        assert_eq!(read(Settings::new()).state, "started".into());
        assert_eq!(read(Settings::new().set("state", "ignored")).state, "ignored".into());
        let full = Settings::new()
            .set("state", "stopped")
            .set("max_restart", 2)
            .set("comment", "c")
            .set("failback", 0);
        assert_eq!(read(full.clone()).settings(), full);
    }
}
