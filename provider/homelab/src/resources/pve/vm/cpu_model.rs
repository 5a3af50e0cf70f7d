//! Whether a node knows the CPU model that a machine is to have.

use tf_framework::prelude::*;

use super::model::Vm;
use super::placement::Placement;
use crate::cx::Cx;

/// Models that every version from 8.1 on builds in (qemu-server, `CPUConfig.pm`), for which nobody is asked.
const EVERYWHERE: [&str; 8] =
    ["host", "kvm64", "max", "qemu64", "x86-64-v2", "x86-64-v2-AES", "x86-64-v3", "x86-64-v4"];

/// How the names of models begin that the cluster defines.
const CUSTOM: &str = "custom-";

/// Adds an error for a model that is new to a machine and that its node does not know.
pub(super) async fn check(cx: &Cx, before: Option<&Value>, placement: &Placement, plan: &mut Plan<'_, Vm>) {
    let path = Path::from("cpu").then("type");
    let model = plan.planned.at(&path).clone();
    let Some(model) = model.as_str().filter(|model| !EVERYWHERE.contains(model)) else { return };
    let had = before.and_then(|before| before.at(&path).as_str());
    // Without a connection there is nothing to look at, and a plan needs none.
    let (true, Some(node), Ok(pve), Some(memory)) =
        (had != Some(model) || placement.moves, &placement.node, cx.pve(), cx.memory())
    else {
        return;
    };
    // Whoever may not look is not blamed.
    let Ok(known) = memory.cpu_models(&pve, node).await else { return };
    if known.is_empty() || known.contains(model) {
        return;
    }
    let detail = format!("The node {:?} knows no CPU model {model:?}.", node.as_str());
    if model.starts_with(CUSTOM) {
        plan.warn(
            path,
            "CPU model is unknown",
            format!(
                "{detail} Whoever lacks Sys.Audit on /nodes is not shown those that the cluster defines, in \
                 /etc/pve/virtual-guest/cpu-models.conf. Check its name there."
            ),
        );
    } else {
        let near: Vec<String> = near(model, &known).map(|name| format!("{name:?}")).collect();
        let near = if near.is_empty() {
            String::new()
        } else {
            format!(" Some of a like name: {}.", near.join(", "))
        };
        plan.error(
            path,
            "CPU model is unknown",
            format!(
                "{detail}{near} The node lists all with\n\n  pvesh get /nodes/{}/capabilities/qemu/cpu",
                node.as_str()
            ),
        );
    }
}

/// Up to five models whose names begin alike, in any case.
fn near<'a>(model: &str, known: &'a BTreeSet<String>) -> impl Iterator<Item = &'a String> {
    let start: String = model.chars().take(4).flat_map(char::to_lowercase).collect();
    known.iter().filter(move |name| name.to_lowercase().starts_with(&start)).take(5)
}
