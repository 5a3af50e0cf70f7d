//! What the three kinds of mappings have in common: a list of what each node has, as property strings.

use pve_client::{Changes, Mapping, MappingKind, MappingName, PropertyString, Settings};
use tf_framework::prelude::*;

use super::lifecycle::Object;
use crate::cx::Cx;
use crate::preflight::need;

/// A mapping of one kind, as its resource sees it.
pub(super) trait Mapped: SchemaModel {
    const KIND: MappingKind;
    /// The kind, for messages.
    const NOUN: &'static str;

    fn name(&self) -> &MappingName;
    fn settings(&self) -> Settings;
    fn read(found: Mapping) -> Self;
}

fn object<M: Mapped>(name: &MappingName) -> Object<'_> {
    Object::new(M::NOUN, name, "name")
}

pub(super) async fn plan<M: Mapped>(cx: &Cx, plan: &mut Plan<'_, M>) -> Result<()> {
    if let (Some(want), Some(memory)) = (plan.want(), cx.memory()) {
        let mapping = Mapping { name: want.name().clone(), settings: want.settings() };
        memory.plan_mapping(M::KIND, mapping);
        let is_there = async {
            let found = memory.mappings(&cx.pve().ok()?, M::KIND).await.ok()?;
            Some(found.iter().any(|mapping| mapping.name == *want.name()))
        };
        object::<M>(want.name()).foresee(cx, plan, is_there).await;
    }
    if let Some(want) = plan.want() {
        let argument = if M::KIND == MappingKind::Dir { "directories" } else { "devices" };
        let node = |entry: String| PropertyString::parse(&entry, None).ok()?.value("node")?.parse().ok();
        let nodes = want.settings().items("map").into_iter().filter_map(node);
        cx.check_node_names(plan, nodes.map(|node| (argument.into(), node))).await?;
    }
    cx.preflight(plan, &[need(format!("/mapping/{}", M::KIND), &["Mapping.Modify"])]).await
}

pub(super) async fn create<M: Mapped + PartialEq + Sync>(cx: &Cx, want: &M) -> Result<MappingName> {
    let (pve, settings, name) = (cx.pve()?, want.settings(), want.name());
    object::<M>(name)
        .create::<M, _, _, _, _, _>(
            cx,
            || pve.mapping(M::KIND, name),
            |found: &Mapping| M::read(found.clone()) == *want,
            || pve.create_mapping(M::KIND, name, &settings),
        )
        .await?;
    Ok(name.clone())
}

pub(super) async fn read<M: Mapped>(cx: &Cx, name: &MappingName) -> Result<Option<M>> {
    let pve = cx.pve()?;
    Ok(object::<M>(name).read::<M, _>(cx, pve.mapping(M::KIND, name)).await?.map(M::read))
}

pub(super) async fn update<M: Mapped + Sync>(
    cx: &Cx,
    name: &MappingName,
    change: Change<'_, M>,
) -> Result<()> {
    let pve = cx.pve()?;
    let changes: Changes = change.prior.settings().changes_to(&change.want.settings());
    object::<M>(name).change::<M, _, _>(cx, || pve.change_mapping(M::KIND, name, &changes)).await
}

pub(super) async fn delete<M: Mapped>(cx: &Cx, name: &MappingName) -> Result<()> {
    let pve = cx.pve()?;
    object::<M>(name).delete::<M, _, _>(cx, || pve.delete_mapping(M::KIND, name)).await
}

/// Refuses a second entry for a node. `what` completes "The node has a … already".
pub(super) fn one_per_node(config: &Value, argument: &str, what: &str, out: &mut Diagnostics) {
    let mut seen = BTreeSet::new();
    for (index, entry) in config.attribute(argument).as_elements().into_iter().flatten().enumerate() {
        let node = entry.attribute("node_name");
        if let Some(name) = node.as_str().filter(|name| !seen.insert((*name).to_owned())) {
            out.error(
                Path::from(argument).index(index).then("node_name"),
                "Duplicate node",
                format!("The node {name:?} has a {what} already, and can have only one. Remove one of them."),
            );
        }
    }
}

/// Vendor and device: `10de:1b80`.
pub(super) fn is_device_id(text: &str) -> bool {
    let part = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_once(':').is_some_and(|(vendor, device)| part(vendor) && part(device))
}

/// What a value of a property string cannot hold.
pub(super) fn plain(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.contains([',', '\n', '\r'])
}
