//! The script of the node that goes with a machine's starts and stops.

use pve_client::{Cluster, NodeName, VolumeId};
use tf_framework::prelude::*;

use super::model::Vm;
use super::placement::Placement;
use crate::cx::Cx;
use crate::errors::Explain as _;

/// The content that a storage for scripts has to have.
const CONTENT: &str = "snippets";

/// Whether a text names a volume with that content.
pub(super) fn is_snippet(text: &str) -> bool {
    text.parse::<VolumeId>().is_ok_and(|volume| volume.content() == Some(CONTENT))
}

/// Looks whether the node has a storage for a script that is new to the machine or to its node.
pub(super) async fn plan(
    cx: &Cx,
    before: Option<&Value>,
    placement: &Placement,
    plan: &mut Plan<'_, Vm>,
) -> Result<()> {
    let script = plan.planned.attribute("hook_script").clone();
    let is_old = before.is_some_and(|before| before.attribute("hook_script") == &script) && !placement.moves;
    let volume = script.as_str().and_then(|text| text.parse::<VolumeId>().ok()).filter(|_| !is_old);
    // Without a connection there is nothing to look at, and a plan needs none.
    if let (Some(volume), Some(node), Ok(pve)) = (volume, &placement.node, cx.pve()) {
        let cluster = pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?;
        if let Some(problem) = problem(&cluster, node, &volume) {
            plan.push(problem);
        }
    }
    Ok(())
}

fn problem(cluster: &Cluster, node: &NodeName, volume: &VolumeId) -> Option<Diagnostic> {
    let storage = volume.storage();
    let mut here = cluster.storages.iter().filter(|found| found.node == *node).peekable();
    // Who may see no storage is not told what there is.
    here.peek()?;
    let fit: Vec<String> = here
        .clone()
        .filter(|found| found.content.contains(CONTENT))
        .map(|found| format!("{:?}", found.name.as_str()))
        .collect();
    let fit = match fit.as_slice() {
        [] => "None of its storages has it".to_owned(),
        fit => format!("Those with it are {}", fit.join(", ")),
    };
    let (name, on) = (storage.as_str(), node.as_str());
    match here.find(|found| found.name == *storage) {
        Some(found) if found.content.contains(CONTENT) => None,
        Some(_) => Some(
            Diagnostic::error(
                "Storage takes no scripts",
                format!(
                    "The storage {name:?} on node {on:?} is not for hook scripts: its content lacks `{CONTENT}`. {fit}. Add \
                     `{CONTENT}` to its content, or use another storage."
                ),
            )
            .at("hook_script"),
        ),
        None => Some(
            Diagnostic::warning(
                "Storage does not exist",
                format!(
                    "The node {on:?} has no storage {name:?} that this login may see, so the apply fails unless it is made \
                     before. Scripts need the content `{CONTENT}`. {fit}."
                ),
            )
            .at("hook_script"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pve_client::ClusterStorage;

    use super::*;

    #[test]
    fn a_script_is_a_volume_with_snippets() {
        for (text, right) in [
            ("local:snippets/hook.sh", true),
            ("local:iso/a.iso", false),
            ("local:100/vm-100-disk-0.raw", false),
            ("/var/lib/vz/snippets/hook.sh", false),
            ("hook.sh", false),
        ] {
            assert_eq!(is_snippet(text), right, "{text}");
        }
    }

    #[test]
    fn a_storage_without_snippets_is_an_error_and_an_unknown_one_a_warning() {
        let storage = |name: &str, content: &[&str]| ClusterStorage {
            name: name.parse().unwrap(),
            node: "pve1".parse().unwrap(),
            shared: false,
            content: content.iter().map(|content| (*content).to_owned()).collect(),
            total_bytes: None,
            free_bytes: None,
        };
        let cluster = |storages: Vec<ClusterStorage>| Cluster {
            guests: Arc::default(),
            nodes: Vec::new(),
            storages,
            pools: BTreeSet::new(),
        };
        let whole = cluster(vec![storage("local", &["iso", "snippets"]), storage("tank", &["images"])]);
        let found = |cluster: &Cluster, volume: &str| {
            problem(cluster, &"pve1".parse().unwrap(), &volume.parse().unwrap()).map(|found| found.summary)
        };
        assert_eq!(found(&whole, "local:snippets/a"), None);
        assert_eq!(found(&whole, "tank:snippets/a").as_deref(), Some("Storage takes no scripts"));
        assert_eq!(found(&whole, "other:snippets/a").as_deref(), Some("Storage does not exist"));
        assert_eq!(found(&cluster(Vec::new()), "other:snippets/a"), None);
    }
}
