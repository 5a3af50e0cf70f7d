//! Where a machine is cloned from.

use pve_client::{Guest, NodeName, Pve, StorageName, VmId};
use tf_framework::prelude::*;

use super::disk;
use crate::templates::{self, Template};

/// Where a new machine is cloned from.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Clone {
    /// ID of the template or machine to clone, on whatever node it is. Give either this, `template_name` or
    /// `template_tag`.
    #[schema(wire = "vmid", validate = range(100, 999_999_999))]
    pub vm_id: Option<u32>,

    /// Name of the template to clone. Of several, those on the node of the new machine come first, and of these the
    /// newest.
    #[schema(validate = length(1, 255))]
    pub template_name: Option<String>,

    /// Tag of the template to clone. Its case does not matter. Of several templates, those on the node of the new
    /// machine come first, and of these the newest.
    #[schema(validate = length(1, 255))]
    pub template_tag: Option<String>,

    /// Whether the disks are copied. Without copies, which only a template allows, the clone keeps using the disks of
    /// the template. By default disks of a template are not copied, unless `storage_name` or `format` is set.
    #[schema(wire = "full")]
    pub full: Option<bool>,

    /// Storage for the copies. By default that of each original.
    #[schema(parse, wire = "storage")]
    pub storage_name: Option<StorageName>,

    /// Format of the copies. By default that of each original.
    #[schema(wire = "format", validate = one_of(disk::FORMATS))]
    pub format: Option<String>,

    /// Snapshot to clone. By default the present state.
    #[schema(wire = "snapname", validate = length(1, 40))]
    pub snapshot_name: Option<String>,
}

impl Clone {
    /// Whether to ask for copies; nothing leaves it to Proxmox VE.
    pub(super) fn wants_copies(&self) -> Option<bool> {
        self.full.or_else(|| (self.storage_name.is_some() || self.format.is_some()).then_some(true))
    }

    /// Which machine is meant, as one word.
    pub(super) fn wish(&self) -> String {
        match (self.vm_id, &self.template_name, &self.template_tag) {
            (Some(id), _, _) => id.to_string(),
            (None, Some(name), _) => format!("name {name}"),
            (None, None, tag) => format!("tag {}", tag.as_deref().unwrap_or_default()),
        }
    }

    /// The argument that names the machine to clone.
    pub(super) fn argument(&self) -> &'static str {
        match (self.vm_id, &self.template_name) {
            (Some(_), _) => "clone.vm_id",
            (None, Some(_)) => "clone.template_name",
            (None, None) => "clone.template_tag",
        }
    }

    /// The machine to clone; nothing if no template has the name or the tag.
    pub(super) async fn find(&self, pve: &Pve, node: &NodeName) -> pve_client::Result<Option<VmId>> {
        if let Some(id) = self.vm_id {
            return Ok(VmId::new(id).ok());
        }
        let tag = self.template_tag.as_ref().map(|tag| tag.to_lowercase());
        let accepts = |guest: &Guest| {
            self.template_name.as_ref().is_none_or(|name| guest.name.as_ref() == Some(name))
                && tag.as_ref().is_none_or(|tag| guest.tags.iter().any(|found| found.to_lowercase() == *tag))
        };
        Ok(nearest(&templates::newest_first(pve, accepts).await?, node))
    }

    /// The message for a name or a tag that no template has.
    pub(super) fn nothing_found(&self) -> String {
        let (what, which) = match (&self.template_name, &self.template_tag) {
            (Some(name), _) => ("name", name.as_str()),
            (None, tag) => ("tag", tag.as_deref().unwrap_or_default()),
        };
        format!("The cluster has no template with the {what} {which:?} that this login may see.")
    }
}

/// A template on the node itself needs no storage that other nodes see, so it goes before a newer one elsewhere.
fn nearest(newest_first: &[Template], node: &NodeName) -> Option<VmId> {
    let here = newest_first.iter().find(|template| template.guest.node == *node);
    here.or(newest_first.first()).map(|template| template.guest.id)
}

/// One of the ways to name the machine to clone.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    if config.attribute("clone").is_set() {
        rules::exactly_one_of(config, &["clone.vm_id", "clone.template_name", "clone.template_tag"], out);
    }
    let clone = config.attribute("clone");
    let copies = ["storage_name", "format"].into_iter().find(|name| !clone.attribute(name).is_null());
    if clone.attribute("full").as_bool() == Some(false)
        && let Some(copies) = copies
    {
        out.error(
            Path::from("clone").then(copies),
            "Conflicting arguments",
            format!("Only copies of the disks can go elsewhere, and `full` is `false`. Remove `full`, or remove `{copies}`."),
        );
    }
}

#[cfg(test)]
mod tests {
    use pve_client::GuestKind;

    use super::*;

    fn template(id: u32, node: &str) -> Template {
        let guest = Guest {
            id: VmId::new(id).unwrap(),
            node: node.parse().unwrap(),
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
        Template { guest, created_at: None }
    }

    #[test]
    fn a_template_on_the_node_goes_before_a_newer_one_elsewhere() {
        let found = [template(103, "pve2"), template(102, "pve1"), template(101, "pve1")];
        let nearest = |node: &str| nearest(&found, &node.parse().unwrap()).map(VmId::number);
        assert_eq!(nearest("pve1"), Some(102));
        assert_eq!(nearest("pve3"), Some(103));
        assert_eq!(super::nearest(&[], &"pve1".parse().unwrap()), None);
    }
}
