//! Applies that meet faults, and those after them that have to mend what was left.
//!
//! The core emulator plays the CLI, because hundreds of runs are needed; each run is a plugin process of its own, as with
//! a CLI.

use std::time::Duration;

use core_emulator::{Applied, Core, Failure, Plugin, State};
use serde_json::Value;

use crate::Lab;
use crate::plugin::configured;
use crate::process::signal;

/// How often an apply may be repeated before it counts as not converging.
pub const REPEATS: usize = 3;

/// What one run of a CLI does with one resource.
pub async fn run(
    lab: &Lab,
    kind: &str,
    state: Option<&State>,
    config: Option<&Value>,
) -> Result<Applied, Failure> {
    let (mut plugin, core) = configured(lab).await;
    let outcome = apply(&core, kind, state, config).await;
    end(&mut plugin).await;
    outcome
}

/// The same, with the plugin killed while it waits for the answer that the planted fault delays.
pub async fn run_killed(
    lab: &Lab,
    kind: &str,
    state: Option<&State>,
    config: Option<&Value>,
) -> Result<Applied, Failure> {
    let (mut plugin, core) = configured(lab).await;
    let id = plugin.id();
    let mut outcome = std::pin::pin!(apply(&core, kind, state, config));
    let done = loop {
        tokio::select! {
            done = &mut outcome => break Some(done),
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
        if lab.struck() > 0 {
            signal(id, "KILL");
            break None;
        }
    };
    let outcome = match done {
        Some(done) => done,
        None => outcome.await,
    };
    if lab.struck() == 0 {
        end(&mut plugin).await;
    }
    outcome
}

/// Ends a plugin as a CLI does.
pub async fn end(plugin: &mut Plugin) {
    plugin.shut_down().await.expect("the plugin hears");
    plugin.ended(Duration::from_secs(5)).await.expect("the plugin ends");
}

async fn apply(
    core: &Core,
    kind: &str,
    state: Option<&State>,
    config: Option<&Value>,
) -> Result<Applied, Failure> {
    let state = match state {
        Some(state) => core.refresh(state).await?,
        None => None,
    };
    let Some(config) = config else {
        let Some(state) = state else { return Ok(Applied { state: None, messages: Vec::new() }) };
        let plan = core.plan_destroy(&state).await?;
        return core.apply(&plan, &Value::Null).await;
    };
    // A tainted object is replaced: destroyed first.
    if let Some(tainted) = state.as_ref().filter(|state| state.tainted) {
        let destroy = core.plan_destroy(tainted).await?;
        let destroyed = core.apply(&destroy, &Value::Null).await?;
        if destroyed.state.is_some() {
            return Ok(destroyed);
        }
        let plan = core.plan(kind, None, config).await?;
        return core.apply(&plan, config).await;
    }
    let plan = core.plan(kind, state.as_ref(), config).await?;
    core.apply(&plan, config).await
}

/// The state that a run leaves: what it returned, or what there was when it ended before an apply.
pub fn left(outcome: Result<Applied, Failure>, before: Option<State>) -> (Option<State>, bool, String) {
    match outcome {
        Ok(applied) => {
            let failed = applied.messages.iter().any(|message| message.is_error);
            (applied.state, !failed, format!("{:?}", applied.messages))
        }
        Err(Failure::Rule(rule)) => panic!("a rule of the protocol is broken: {rule}"),
        Err(failure) => (before, false, format!("{failure:?}")),
    }
}

/// Applies until it works, without faults.
pub async fn converge(
    lab: &Lab,
    kind: &str,
    mut state: Option<State>,
    config: Option<&Value>,
    story: &str,
) -> Option<State> {
    let mut said = String::new();
    for _ in 0..REPEATS {
        let outcome = run(lab, kind, state.as_ref(), config).await;
        let worked;
        (state, worked, said) = left(outcome, state);
        if worked {
            return state;
        }
    }
    panic!("{story}: {REPEATS} more applies did not converge: {said}");
}
