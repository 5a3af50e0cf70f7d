//! What a machine has without being told: from its template, or from somebody who gave it. A plan that is about such things
//! reads one configuration; others need none.

use pve_client::{VmAddress, VmConfig};
use tf_framework::prelude::*;

use super::model::Vm;
use super::{boot_order, fit, new_drives, observe, ownership, wait_for};
use crate::cx::Cx;
use crate::errors::Explain as _;

/// A question to a configuration, whose answer may be a problem.
pub(super) type Question = Box<dyn Fn(&VmConfig) -> Option<Diagnostic> + Send + Sync>;

/// What a plan has to know of the machine, or of the one that it is cloned from.
pub(super) fn questions(before: Option<&Value>, plan: &Plan<'_, Vm>) -> Vec<Question> {
    let mut questions = new_drives::questions(before, plan.config);
    questions.extend(boot_order::questions(before, plan));
    questions.extend(fit::questions(before, plan.planned));
    questions.extend(wait_for::questions(before, plan.planned));
    questions
}

/// Asks them, and tells the problems.
pub(super) fn ask(questions: &[Question], found: &VmConfig, plan: &mut Plan<'_, Vm>) {
    questions.iter().filter_map(|question| question(found)).for_each(|problem| plan.push(problem));
}

/// Asks the machine itself. A template is asked where it is found.
pub(super) async fn plan(cx: &Cx, before: Option<&Value>, plan: &mut Plan<'_, Vm>) -> Result<()> {
    let found = match before {
        None if !plan.planned.attribute("clone").is_null() => None,
        // A new machine has nothing.
        None => Some(VmConfig::default()),
        Some(_) if questions(before, plan).is_empty() => None,
        Some(before) => config(cx, before).await?,
    };
    if let Some(found) = found {
        let questions = questions(before, plan);
        ask(&questions, &found, plan);
    }
    Ok(())
}

/// The configuration of a machine; nothing if nobody can be asked, or if it is not where the state has it.
async fn config(cx: &Cx, before: &Value) -> Result<Option<VmConfig>> {
    let node = before.attribute("current_node").as_str().and_then(|node| node.parse().ok());
    let (Ok(pve), Some(id), Some(node)) = (cx.pve(), ownership::vm_id(cx.operation()), node) else {
        return Ok(None);
    };
    match pve.vm_config(&VmAddress::new(node, id)).await {
        Err(error) if observe::may_have_moved(&error) => Ok(None),
        found => found.map(Some).explain::<Vm>(cx, format_args!("read VM {id}")),
    }
}
