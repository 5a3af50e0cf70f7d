//! Verbs that fail, hang, panic or are stopped: what goes back to the CLI, and what the user is told.

mod support {
    pub mod job;
    pub mod only;
}

use std::sync::atomic::Ordering;
use std::time::Duration;

use support::job::{LEFT, Provider, READ, STARTED, STORED, Script, TYPE, VERB};
use tf_framework::prelude::*;
use tf_framework::{ApplyRequest, ApplyResponse, Capabilities, PlanRequest, ReadRequest, Server, Severity};
use tokio::time::Instant;

fn config(priority: i64) -> Value {
    Value::object([
        ("name", "nightly".into()),
        ("priority", priority.into()),
        ("token", "open sesame".into()),
        ("run", Value::Null),
        ("runner", Value::Null),
        ("timeouts", Value::Null),
    ])
}

async fn apply(server: &Server, prior: &Value, config: &Value) -> ApplyResponse {
    let mut proposed = config.clone();
    if !config.is_null() && !prior.is_null() {
        for name in ["run", "runner"] {
            proposed.set(&name.into(), prior.attribute(name).clone());
        }
    }
    let request = PlanRequest {
        type_name: TYPE.to_owned(),
        prior_state: prior.clone(),
        proposed_new_state: proposed,
        config: config.clone(),
        prior_private: Vec::new(),
        prior_identity: None,
        capabilities: Capabilities::default(),
    };
    let plan = server.plan_resource_change(request).await;
    assert_eq!(plan.diagnostics, []);
    let request = ApplyRequest {
        type_name: TYPE.to_owned(),
        prior_state: prior.clone(),
        planned_state: plan.planned_state,
        config: config.clone(),
        planned_private: plan.planned_private,
        planned_identity: plan.planned_identity,
    };
    server.apply_resource_change(request).await
}

/// A server with a job, and the job's state.
async fn with_job() -> (Server, Value) {
    let server = Server::new::<Provider>();
    let created = apply(&server, &Value::Null, &config(1)).await;
    assert_eq!(created.diagnostics, []);
    assert_eq!(created.private, br#"{"note":"kept"}"#);
    (server, created.new_state)
}

fn summaries(response: &ApplyResponse) -> Vec<&str> {
    response.diagnostics.iter().map(|diagnostic| diagnostic.summary.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failed_create_leaves_what_can_be_read() {
    let cases = [
        (Script::Fail, vec!["Service refused"], 0),
        (Script::Panic, vec!["Provider crashed"], 0),
        // The deadline, and the time to end in.
        (Script::Hang, vec!["Operation timed out"], 115),
        (Script::HangUntilCancelled, vec!["Operation timed out", "Waiting was cut short"], 100),
    ];
    for (script, wanted, seconds) in cases {
        VERB.set(script);
        STORED.set(None);
        let (server, started) = (Server::new::<Provider>(), Instant::now());
        let created = apply(&server, &Value::Null, &config(1)).await;
        assert_eq!(summaries(&created), wanted, "{script:?}");
        assert_eq!(started.elapsed().as_secs(), seconds, "{script:?}");
        assert_eq!(created.new_state.attribute("run"), &Value::from(1), "{script:?}");
        assert_eq!(created.new_identity, Some(Value::object([("id", "nightly".into())])), "{script:?}");
        assert_eq!(created.private, br#"{"note":"kept"}"#, "{script:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_create_that_cannot_be_read_leaves_what_was_planned() {
    for read in [Script::Fail, Script::Panic, Script::Hang] {
        VERB.set(Script::Fail);
        READ.set(read);
        let created = apply(&Server::new::<Provider>(), &Value::Null, &config(1)).await;
        assert_eq!(summaries(&created), ["Service refused"]);
        assert_eq!(created.new_state, config(1), "what is not known yet is null");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_back_taints_and_does_not_lose() {
    READ.set(Script::Fail);
    let created = apply(&Server::new::<Provider>(), &Value::Null, &config(1)).await;
    assert_eq!(summaries(&created), ["Service refused"]);
    assert_eq!(created.new_state, config(1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_update_tells_what_is_there() {
    let cases = [
        (Script::Work, config(2), 2),
        // Nothing can be read, so the state stays.
        (Script::Fail, config(1), 1),
    ];
    for (read, wanted, run) in cases {
        VERB.set(Script::Work);
        READ.set(Script::Work);
        STORED.set(None);
        let (server, state) = with_job().await;
        VERB.set(Script::Fail);
        READ.set(read);
        let updated = apply(&server, &state, &config(2)).await;
        assert_eq!(summaries(&updated), ["Service refused"]);
        assert_eq!(updated.new_state.attribute("priority"), wanted.attribute("priority"));
        assert_eq!(updated.new_state.attribute("run"), &Value::from(run));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_keeps_the_object_unless_it_is_gone() {
    let (server, state) = with_job().await;
    VERB.set(Script::Fail);
    let deleted = apply(&server, &state, &Value::Null).await;
    assert_eq!(deleted.new_state, state);
    assert_eq!(deleted.diagnostics[0].severity, Severity::Error);
    STORED.set(None);
    let deleted = apply(&server, &state, &Value::Null).await;
    assert!(deleted.new_state.is_null());
    assert_eq!(deleted.diagnostics[0].severity, Severity::Warning, "gone is all that was asked for");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_the_service_changed_is_an_error_on_its_attribute() {
    VERB.set(Script::Twist);
    let created = apply(&Server::new::<Provider>(), &Value::Null, &config(1)).await;
    assert_eq!(summaries(&created), ["Value was not kept", "Value was not kept"]);
    let paths: Vec<_> = created.diagnostics.iter().map(|diagnostic| diagnostic.path.clone()).collect();
    assert_eq!(paths, [Some("priority".into()), Some("token".into())]);
    assert!(created.diagnostics[0].detail.contains("The plan says 1, the service 99."));
    assert!(!created.diagnostics[1].detail.contains("secret"), "{}", created.diagnostics[1].detail);
    assert_eq!(created.new_state.attribute("priority"), &Value::from(99), "the state says what is there");
}

#[tokio::test(start_paused = true)]
async fn a_kept_value_that_the_service_changed_is_a_warning() {
    let (server, state) = with_job().await;
    VERB.set(Script::Hand);
    let updated = apply(&server, &state, &config(2)).await;
    assert_eq!(summaries(&updated), ["Service changed a value"]);
    assert_eq!(updated.diagnostics[0].severity, Severity::Warning);
    assert_eq!(updated.new_state.attribute("runner"), &"first".into(), "the CLI insists on the plan");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_to_do_is_done_after_the_answer_and_before_the_end() {
    VERB.set(Script::Leave);
    let server = Server::new::<Provider>();
    let created = apply(&server, &Value::Null, &config(1)).await;
    assert_eq!(created.diagnostics, []);
    let done = || LEFT.with(|left| left.load(Ordering::SeqCst));
    assert!(!done());
    // A stop is for what runs, not for what is done.
    server.stop();
    let started = Instant::now();
    server.idle().await;
    assert!(done());
    assert!(started.elapsed().as_secs() >= 2, "the answer needs time to arrive");
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_is_left_to_do_is_done_at_once_unless_the_answer_may_be_lost() {
    for lost in [false, true] {
        VERB.set(Script::Leave);
        LEFT.with(|left| left.store(false, Ordering::SeqCst));
        let server = Server::new::<Provider>();
        assert_eq!(apply(&server, &Value::Null, &config(1)).await.diagnostics, []);
        let started = Instant::now();
        if lost {
            server.answers_lost()
        } else {
            server.answers_arrived()
        }
        server.idle().await;
        assert_eq!(started.elapsed().as_secs(), 0);
        assert_eq!(LEFT.with(|left| left.load(Ordering::SeqCst)), !lost);
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_the_service_quotes_is_not_shown() {
    VERB.set(Script::FailQuoting);
    let created = apply(&Server::new::<Provider>(), &Value::Null, &config(1)).await;
    assert_eq!(created.diagnostics[0].detail, "The service refused \"(sensitive value)\".");
}

#[tokio::test(start_paused = true)]
async fn the_user_sets_how_long_a_verb_may_take() {
    VERB.set(Script::HangUntilCancelled);
    let limits =
        [("create", "1m30s".into()), ("read", Value::Null), ("update", Value::Null), ("delete", Value::Null)];
    let mut limited = config(1);
    limited.set(&"timeouts".into(), Value::object(limits));
    let started = Instant::now();
    let created = apply(&Server::new::<Provider>(), &Value::Null, &limited).await;
    assert_eq!(started.elapsed().as_secs(), 90);
    assert_eq!(created.diagnostics[0].path, Some("timeouts.create".into()));
    assert_eq!(created.new_state.attribute("timeouts"), limited.attribute("timeouts"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_what_runs_and_nothing_else() {
    VERB.set(Script::HangUntilCancelled);
    let (server, started) = (Server::new::<Provider>(), Instant::now());
    let stop = async {
        STARTED.with(Clone::clone).notified().await;
        server.stop();
    };
    let config = config(1);
    let (created, ()) = tokio::join!(apply(&server, &Value::Null, &config), stop);
    assert_eq!(summaries(&created), ["Operation was stopped", "Waiting was cut short"]);
    assert_eq!(created.new_state.attribute("run"), &Value::from(1), "what was made is in the state");
    assert!(started.elapsed() < Duration::from_secs(1));
    VERB.set(Script::Work);
    let updated = apply(&server, &created.new_state, &self::config(2)).await;
    assert_eq!(updated.diagnostics, []);
    server.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_ends_only_its_own_operation() {
    let (server, state) = with_job().await;
    VERB.set(Script::Panic);
    let read = ReadRequest {
        type_name: TYPE.to_owned(),
        state: state.clone(),
        private: b"{\"note\":\"kept\"}".to_vec(),
        identity: None,
        capabilities: Capabilities::default(),
    };
    let next = config(2);
    let (updated, refreshed) =
        tokio::join!(apply(&server, &state, &next), server.read_resource(read.clone()));
    assert_eq!(summaries(&updated), ["Provider crashed"]);
    assert!(!updated.diagnostics[0].detail.contains("secret"));
    assert_eq!(refreshed.diagnostics, []);
    READ.set(Script::Panic);
    let refreshed = server.read_resource(read).await;
    assert_eq!(refreshed.diagnostics[0].summary, "Provider crashed");
    assert_eq!((refreshed.state, refreshed.private), (state, b"{\"note\":\"kept\"}".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn what_is_out_of_reach_stays_in_the_state_and_is_not_changed() {
    let (server, state) = with_job().await;
    let read = ReadRequest {
        type_name: TYPE.to_owned(),
        state: state.clone(),
        private: Vec::new(),
        identity: None,
        capabilities: Capabilities::default(),
    };
    for (script, severity) in [(Script::Lose, Severity::Warning), (Script::Fail, Severity::Error)] {
        READ.set(script);
        let refreshed = server.read_resource(read.clone()).await;
        assert_eq!((refreshed.diagnostics.len(), refreshed.diagnostics[0].severity), (1, severity));
        assert_eq!(refreshed.state, state);
    }
    READ.set(Script::Work);
    VERB.set(Script::Lose);
    let updated = apply(&server, &state, &config(2)).await;
    assert_eq!(updated.diagnostics[0].severity, Severity::Error, "only a refresh goes on");
}
