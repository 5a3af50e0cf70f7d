//! Changing a machine: as much as possible while it runs, and never one that is not ours.

mod changing;

use pve_client::VmConfig;
use tf_framework::prelude::*;

use self::changing::Changing;
use super::machine::Machine;
use super::marker::{self, Marker};
use super::model::Vm;
use super::{VmReference, data_disks, ownership, wishes};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::data_disk::user::is_own;

/// See [`super::Vm`]. The order of the steps keeps what is there safe.
pub(super) async fn update(cx: &Cx, id: &VmReference, change: Change<'_, Vm>) -> Result<()> {
    let Change { prior, want } = change;
    let adopted = want.data_disks.as_ref().map(|wanted| data_disks::without_adopted(prior, wanted));
    let prior = adopted.as_ref().unwrap_or(prior);
    let (machine, current) = find(cx, id, prior, want).await?;
    let marker = mark(cx, &machine, &current)?;
    let mut it = Changing::begin(machine, prior, marker, current).await?;
    it.let_data_disks_go(want).await?;
    let guarded = data_disks::guarded(prior, want, it.machine.at.id, &it.current);
    it.unprotects = guarded.is_some() || it.ends_protection(want);
    let want = guarded.as_ref().unwrap_or(want);
    it.unprotect_to_empty(want).await?;
    let ejected = it.go_to_allowed_node(want).await?;
    it.delete_disks(want).await?;
    let provided = it.machine.provide_other_disc(prior, want, &it.current, ejected).await?;
    let want = provided.as_ref().unwrap_or(want);
    it.unprotect_to_empty(want).await?;
    it.stop_if_needed(want).await?;
    let written = it.write(want).await?;
    change_pool(&it.machine, prior, want).await?;
    it.machine.attach_data_disks(Some(prior), want).await?;
    let started = it.settle_power(want, written.cloud_init).await?;
    it.settle_the_rest(want, written.left, started).await?;
    if it.running && !want.is_started() {
        it.machine.give_data_disks_back(prior, want).await?;
    }
    it.machine.clear_unused(prior, want).await?;
    if started || want.addresses.is_unknown() {
        it.machine.wait_for_guest(want).await?;
    }
    wishes::after_update(&it.machine, prior).await
}

/// The machine of the state, wherever it is now.
async fn find<'a>(cx: &'a Cx, id: &VmReference, prior: &Vm, want: &'a Vm) -> Result<(Machine<'a>, VmConfig)> {
    let pve = cx.pve()?;
    let what = format!("read VM {id}");
    let found = match id.id {
        Some(id) => pve.find_vm(id, prior.last_node()).await.explain::<Vm>(cx, what)?,
        None => None,
    };
    let Some((at, config)) = found else {
        return Err(Error::new(
            "VM is gone",
            format!(
                "The machine {id} was there when the plan was made, and is on no node now: somebody deleted it. Plan \
                 again to make a new one."
            ),
        ));
    };
    let machine = Machine { cx, pve, at, want: Some(want) };
    ownership::demand(&machine, &config)?;
    Ok((machine, config))
}

/// The mark of the machine; one that was imported gets its first.
fn mark(cx: &Cx, machine: &Machine<'_>, current: &VmConfig) -> Result<Marker> {
    ownership::note(cx.operation(), current, machine.at.id);
    let nonce = match ownership::nonce(cx.operation()) {
        Some(nonce) => nonce,
        None => marker::new_nonce()?,
    };
    let marker = Marker::complete(&nonce);
    ownership::mark(cx.operation(), &marker);
    Ok(marker)
}

/// Changes the pool. Data disks that stay attached are backed up all the time.
async fn change_pool(machine: &Machine<'_>, prior: &Vm, want: &Vm) -> Result<()> {
    if prior.pool_name == want.pool_name {
        return Ok(());
    }
    let keeps_disks = want.data_disks.as_ref().is_some_and(|disks| !disks.is_empty());
    let placed = keeps_disks && machine.prepare_pool(want.pool_name.as_ref()).await?;
    match (&prior.pool_name, &want.pool_name) {
        (_, Some(pool)) => machine.join_pool(pool).await?,
        (Some(pool), None) if !placed => machine.leave_pool(pool).await?,
        _ => {}
    }
    if keeps_disks && prior.pool_name.is_some() && !is_own(want.pool_name.as_ref()) {
        machine.forget_companions().await?;
    }
    Ok(())
}

impl Machine<'_> {
    /// Turns the machine into a template.
    pub(super) async fn become_template(&self) -> Result<()> {
        let made = self.task("make a template of", || self.pve.make_template(&self.at)).await;
        if super::machine::is_lost(&made) && self.config().await?.value("template") == Some("1") {
            return Ok(());
        }
        self.explain(made, "make a template of").map(drop)
    }
}
