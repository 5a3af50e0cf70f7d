//! The life of a managed resource at the protocol: protocol list 58 to 67, 71, 72, 75 to 80 and 82. The rules 68 to 70
//! are applied by the core emulator to every answer here.

use core_emulator::proto::tfplugin6::{RawState, move_resource_state};
use core_emulator::{Action, Core, State, UNKNOWN, Value};
use serde_json::{Value as Json, json};
use suite::Lab;
use suite::plugin::configured;

const POOL: &str = "homelab_pve_pool";

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

async fn made(core: &Core, config: &Json) -> State {
    let plan = core.plan(POOL, None, config).await.expect("a pool can be planned");
    assert_eq!(plan.action, Action::Create);
    core.apply(&plan, config).await.expect("the rules are kept").ok().expect("a pool was made")
}

/// A fault for every request with this method and path.
fn fail(lab: &Lab, method: &str, path: &str, status: u16) {
    let fault = json!({
        "kind": "status", "method": method, "path": path, "status": status, "message": "planted", "times": 0,
    });
    lab.request("POST", "/lab/faults", Some(&json!({ "faults": [fault] }).to_string()));
}

fn heal(lab: &Lab) {
    lab.request("DELETE", "/lab/faults", None);
}

/// 58 and 59.
#[tokio::test]
async fn a_create_plans_what_the_service_decides_as_unknown_and_then_nothing() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let config = json!({ "name": "a", "comment": "first" });
    let plan = core.plan(POOL, None, &config).await.unwrap();
    assert_eq!(plan.planned.get("comment"), &text("first"));
    assert_eq!(plan.planned.get("vm_ids"), &Value::Unknown);
    assert_eq!(plan.requires_replace, [] as [&str; 0]);
    let state = core.apply(&plan, &config).await.unwrap().ok().unwrap();

    let writes = lab.writes();
    let refreshed = core.refresh(&state).await.unwrap().unwrap();
    assert_eq!(refreshed, state);
    let again = core.plan(POOL, Some(&refreshed), &config).await.unwrap();
    assert_eq!(again.action, Action::NoOp);
    assert_eq!(again.planned, refreshed.value);
    let once_more = core.plan(POOL, Some(&refreshed), &config).await.unwrap();
    assert_eq!(once_more.planned, again.planned);
    assert_eq!(lab.writes(), writes, "planning changes nothing");
}

/// 60, 67 and 75: what an update does not touch stays, and so do private data and identity.
#[tokio::test]
async fn an_update_changes_only_what_it_says() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let state = made(&core, &json!({ "name": "a", "comment": "first" })).await;
    let config = json!({ "name": "a", "comment": "second" });
    let plan = core.plan(POOL, Some(&state), &config).await.unwrap();
    assert_eq!(plan.action, Action::Update);
    assert_eq!(plan.private, state.private);
    assert_eq!(plan.identity, state.identity);
    let changed = core.apply(&plan, &config).await.unwrap().ok().unwrap();
    assert_eq!(changed.value.get("comment"), &text("second"));
    assert_eq!((&changed.private, &changed.identity), (&state.private, &state.identity));
}

/// 61 and 63: also when the new value is not known yet.
#[tokio::test]
async fn a_new_name_replaces_in_two_steps() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let state = made(&core, &json!({ "name": "a" })).await;
    for config in [json!({ "name": "b" }), json!({ "name": UNKNOWN })] {
        let plan = core.plan(POOL, Some(&state), &config).await.unwrap();
        assert_eq!(plan.action, Action::Replace);
        assert_eq!(plan.requires_replace, ["name"]);
        assert_eq!(plan.planned.get("vm_ids"), &Value::Unknown);
    }
    let config = json!({ "name": "b" });
    let plan = core.plan(POOL, Some(&state), &config).await.unwrap();
    let replaced = core.apply(&plan, &config).await.unwrap().ok().unwrap();
    assert_eq!(replaced.value.get("name"), &text("b"));
    assert_ne!(replaced.identity, state.identity);
    assert_eq!(lab.pools(), ["b"]);
}

/// An argument that is known only after apply, filled in by then.
#[tokio::test]
async fn what_is_known_only_at_apply_is_used_then() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let plan = core.plan(POOL, None, &json!({ "name": "a", "comment": UNKNOWN })).await.unwrap();
    assert_eq!(plan.planned.get("comment"), &Value::Unknown);
    let state = core.apply(&plan, &json!({ "name": "a", "comment": "late" })).await.unwrap().ok().unwrap();
    assert_eq!(state.value.get("comment"), &text("late"));
}

/// 62 and 72: a pool that is gone already is deleted.
#[tokio::test]
async fn a_destroy_leaves_nothing_and_does_not_mind_that_it_is_late() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    for behind_our_back in [false, true] {
        let state = made(&core, &json!({ "name": "a" })).await;
        let plan = core.plan_destroy(&state).await.unwrap();
        assert!(plan.planned.is_null());
        if behind_our_back {
            lab.request("DELETE", "/api2/json/pools?poolid=a", None);
        }
        assert_eq!(core.apply(&plan, &Json::Null).await.unwrap().ok(), None);
        assert_eq!(lab.pools(), [] as [&str; 0]);
    }
}

/// 64: `ignore_changes` makes the configuration what the state has.
#[tokio::test]
async fn a_configuration_that_repeats_the_state_plans_nothing() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let state = made(&core, &json!({ "name": "a", "comment": "first" })).await;
    let repeated = json!({ "name": "a", "comment": state.value.get("comment").to_json() });
    assert_eq!(core.plan(POOL, Some(&state), &repeated).await.unwrap().action, Action::NoOp);
}

/// 71: an error before the create leaves nothing, one during an update or delete what there is.
#[tokio::test]
async fn after_an_error_the_state_is_what_there_is() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let config = json!({ "name": "a", "comment": "first" });
    fail(&lab, "POST", "/pools", 500);
    let plan = core.plan(POOL, None, &config).await.unwrap();
    let failed = core.apply(&plan, &config).await.unwrap();
    assert!(failed.messages[0].is_error && failed.state.is_none(), "{failed:?}");
    assert!(failed.messages[0].detail.contains("planted"), "{}", failed.messages[0]);
    heal(&lab);

    let state = made(&core, &config).await;
    fail(&lab, "PUT", "/pools", 500);
    let changed = json!({ "name": "a", "comment": "second" });
    let plan = core.plan(POOL, Some(&state), &changed).await.unwrap();
    let failed = core.apply(&plan, &changed).await.unwrap();
    let kept = failed.state.unwrap();
    assert_eq!((kept.value.get("comment"), kept.tainted), (&text("first"), false));
    assert_eq!(kept.identity, state.identity);

    fail(&lab, "DELETE", "/pools", 500);
    let plan = core.plan_destroy(&kept).await.unwrap();
    let failed = core.apply(&plan, &Json::Null).await.unwrap();
    assert_eq!(failed.state, Some(kept));
    assert_eq!(lab.pools(), ["a"]);
}

/// 76.
#[tokio::test]
async fn gone_is_no_error_and_an_error_is_not_gone() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let state = made(&core, &json!({ "name": "a" })).await;
    for status in [403, 500] {
        fail(&lab, "GET", "/pools", status);
        core.refresh(&state).await.unwrap_err().refused();
        heal(&lab);
    }
    // What is out of reach stays as it was known.
    fail(&lab, "GET", "/pools", 596);
    assert_eq!(core.refresh(&state).await.unwrap(), Some(state.clone()));
    heal(&lab);
    assert_eq!(core.refresh(&state).await.unwrap(), Some(state.clone()));
    lab.request("DELETE", "/api2/json/pools?poolid=a", None);
    assert_eq!(core.refresh(&state).await.unwrap(), None);
}

/// 77.
#[tokio::test]
async fn a_change_behind_our_back_is_seen_and_undone() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let config = json!({ "name": "a", "comment": "ours" });
    let state = made(&core, &config).await;
    lab.request("PUT", "/api2/json/pools", Some("{\"poolid\":\"a\",\"comment\":\"theirs\"}"));
    let drifted = core.refresh(&state).await.unwrap().unwrap();
    assert_eq!(drifted.value.get("comment"), &text("theirs"));
    let plan = core.plan(POOL, Some(&drifted), &config).await.unwrap();
    assert_eq!(plan.action, Action::Update);
    let repaired = core.apply(&plan, &config).await.unwrap().ok().unwrap();
    assert_eq!(repaired, state);
}

/// 78 and 80.
#[tokio::test]
async fn an_import_by_id_or_by_identity_finds_all_and_plans_nothing() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let config = json!({ "name": "a", "comment": "first" });
    let state = made(&core, &config).await;
    let by_id = core.import(POOL, "a").await.unwrap();
    let by_identity = core.import_by_identity(POOL, &json!({ "name": "a" })).await.unwrap();
    assert_eq!(by_id, by_identity);
    assert_eq!(by_id.value, state.value);
    assert_eq!(core.plan(POOL, Some(&by_id), &config).await.unwrap().action, Action::NoOp);
}

/// 79.
#[tokio::test]
async fn an_import_of_what_is_no_name_or_not_there_says_so() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    for id in ["", "a b", "ünï", "/", "missing"] {
        let said = core.import(POOL, id).await.unwrap_err().refused();
        assert!(said[0].is_error && !said[0].detail.is_empty(), "{id:?}: {}", said[0]);
    }
}

/// 82.
#[tokio::test]
async fn a_move_from_an_unknown_type_is_an_error_for_the_user() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let request = move_resource_state::Request {
        source_provider_address: "registry.terraform.io/other/other".to_owned(),
        source_type_name: "other_pool".to_owned(),
        source_state: Some(RawState { json: b"{\"id\":\"a\"}".to_vec(), ..Default::default() }),
        target_type_name: POOL.to_owned(),
        ..Default::default()
    };
    let answer = core.client().move_resource_state(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics.len(), 1);
    assert!(answer.diagnostics[0].detail.contains("other_pool"), "{}", answer.diagnostics[0].detail);
}

/// 70: a write-only secret is in no state and in no message, also after an update.
#[tokio::test]
async fn a_write_only_secret_is_sent_and_never_kept() {
    let lab = Lab::start();
    let (plugin, core) = configured(&lab).await;
    let pve = json!({
        "endpoint": lab.endpoint(), "username": "root@pam", "password": lab.password(), "ca_file": lab.ca_file(),
    });
    core.configure(&json!({ "pve": pve })).await.unwrap();
    let user = "homelab_pve_user";
    let config = json!({ "user_id": "a@pve", "password_wo": "one-secret", "password_wo_version": 1 });
    let plan = core.plan(user, None, &config).await.unwrap();
    let state = core.apply(&plan, &config).await.unwrap().ok().unwrap();
    assert_eq!(core.plan(user, Some(&state), &config).await.unwrap().action, Action::NoOp);
    let config = json!({ "user_id": "a@pve", "password_wo": "two-secret", "password_wo_version": 2 });
    let plan = core.plan(user, Some(&state), &config).await.unwrap();
    assert_eq!(plan.action, Action::Update);
    let changed = core.apply(&plan, &config).await.unwrap().ok().unwrap();
    for secret in ["one-secret", "two-secret"] {
        assert!(!format!("{state:?}{changed:?}{}", plugin.stderr()).contains(secret));
    }
}
