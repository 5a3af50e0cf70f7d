//! `homelab_pve_data_disk`: a disk with a life of its own. One file per concern.

mod adopt;
pub(crate) mod companions;
pub(super) mod coverage;
mod create;
mod delete;
mod foresight;
mod holder;
mod id;
mod model;
mod observe;
mod place;
mod plan;
mod privileges;
mod record;
mod sight;
mod steps;
mod storage;
mod tier;
mod tier_reference;
pub(crate) mod ties;
mod update;
pub(super) mod user;
pub(crate) mod uses;
mod work;

use tf_framework::prelude::*;

pub(super) use holder::Holder;
pub(crate) use holder::{is_holder, whereabouts};
pub(crate) use id::{DataDiskId, DataDiskReference};
pub(crate) use model::DataDisk;
pub(super) use model::Ownership;

use super::vm::known_as;
use crate::cx::Cx;

impl Resource for DataDisk {
    type Cx = Cx;
    type Id = DataDiskReference;

    fn id(&self) -> DataDiskReference {
        match self.id.known().and_then(|id| id.parse::<DataDiskId>().ok()) {
            Some(id) => id.into(),
            None => DataDiskReference::Unknown,
        }
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        plan::plan(cx, plan).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<DataDiskReference> {
        create::create(cx, want).await
    }

    async fn read(cx: &Cx, id: &DataDiskReference, prior: Option<&Self>) -> Result<Option<Self>> {
        let found = observe::read(cx, id, prior).await?;
        let holders = found.iter().filter_map(|disk| disk.holder_vm_id.known());
        holders.for_each(|id| cx.note_managed(&known_as(*id)));
        Ok(found)
    }

    async fn update(cx: &Cx, id: &DataDiskReference, change: Change<'_, Self>) -> Result<()> {
        update::update(cx, id, change).await
    }

    async fn delete(cx: &Cx, id: &DataDiskReference, prior: &Self) -> Result<()> {
        delete::delete(cx, id, prior).await
    }
}
