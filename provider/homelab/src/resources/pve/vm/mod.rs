//! `homelab_pve_vm`: a virtual machine. One file per device, and one per step of its life.

mod address;
mod agent;
mod assumed;
mod availability;
mod boot_order;
mod capacity;
mod carry;
mod cdrom;
mod clone;
mod cloud_init;
mod completion;
mod config;
mod cpu;
mod cpu_model;
mod create;
mod creations;
mod data_disks;
mod delete;
mod disk;
mod display;
mod extras;
mod fingerprint;
mod firmware;
mod fit;
mod foresight;
mod hook_script;
mod hotplug;
mod inherited;
mod ip_config;
mod left_behind;
mod limits;
mod lookups;
mod machine;
mod marker;
mod memory;
mod migration;
mod model;
mod named;
mod network;
mod new_drives;
mod new_machine;
mod numa;
mod number_set;
mod observe;
mod ownership;
mod passthrough;
mod pci;
mod placement;
mod plan;
mod power;
mod privileges;
mod references;
mod root_only;
mod seed;
mod serial;
mod settle;
mod slot;
mod startup;
mod storages;
mod takeover;
mod unfinished;
mod update;
mod usage;
mod usb;
mod validate;
mod virtiofs;
mod volumes;
mod wait_for;
mod wishes;
mod words;
mod writes;

use pve_client::VmId;
use tf_framework::prelude::*;

pub(crate) use address::VmReference;
pub(crate) use capacity::Planned;
pub(in crate::resources::pve) use capacity::check_data_disk;
pub(crate) use creations::{Creations, Held};
pub(in crate::resources::pve) use marker::new_nonce as nonce;
pub(crate) use model::Vm;
pub(crate) use seed::Shelf;
pub(in crate::resources::pve) use slot::is_disk as is_disk_slot;
pub(crate) use usage::PassedThrough;
pub(crate) use wait_for::{Addresses, addresses as addresses_of};
pub(crate) use wishes::Wishes;
pub(in crate::resources::pve) use wishes::{after_manager, freed};
pub(in crate::resources::pve) use words::tag;

use crate::cx::Cx;

/// What a run remembers a guest by that its state knows, as a machine or as the holder of a data disk.
pub(super) fn known_as(id: impl std::fmt::Display) -> String {
    format!("guest {id}")
}

impl Resource for Vm {
    type Cx = Cx;
    type Id = VmReference;

    fn id(&self) -> VmReference {
        let id = self.vm_id.known().and_then(|id| VmId::new(*id).ok());
        VmReference { id, node: self.last_node().cloned() }
    }

    fn identity_schema() -> IdentitySchema {
        IdentitySchema {
            version: 0,
            attributes: vec![IdentityAttribute {
                name: "vm_id".to_owned(),
                ty: Type::Number,
                required_for_import: true,
                description: "ID of the machine.".to_owned(),
            }],
        }
    }

    fn identity(id: &VmReference) -> Value {
        let id = id.id.map(|id| Value::from(i64::from(id.number())));
        Value::object([("vm_id", id.unwrap_or(Value::Null))])
    }

    fn id_from_identity(identity: &Value) -> Result<VmReference> {
        let number = identity.attribute("vm_id").as_number().map(ToString::to_string).unwrap_or_default();
        let id: Result<VmId, _> = number.parse();
        match id {
            Ok(id) => Ok(id.into()),
            Err(error) => Err(Error::new("Invalid import identity", format!("{error}.")).at("vm_id")),
        }
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        validate::validate(config, out);
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        plan::plan(cx, plan).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<VmReference> {
        create::create(cx, want).await
    }

    async fn read(cx: &Cx, id: &VmReference, prior: Option<&Self>) -> Result<Option<Self>> {
        let found = observe::read(cx, id, prior).await?;
        found.iter().filter_map(|vm| vm.vm_id.known()).for_each(|id| cx.note_managed(&known_as(*id)));
        Ok(found)
    }

    async fn update(cx: &Cx, id: &VmReference, change: Change<'_, Self>) -> Result<()> {
        update::update(cx, id, change).await
    }

    async fn delete(cx: &Cx, id: &VmReference, prior: &Self) -> Result<()> {
        delete::delete(cx, id, prior).await
    }
}
