//! The script of the node that goes with a machine's starts and stops.

use pve_client::VolumeId;
use tf_framework::prelude::*;

use super::model::Vm;
use super::placement::Placement;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::presence;

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
        let name = volume.storage().as_str();
        let problem = presence::storage_problem(cx, &cluster, node, name, presence::SCRIPTS);
        problem.into_iter().for_each(|problem| plan.push(problem.at("hook_script")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
}
