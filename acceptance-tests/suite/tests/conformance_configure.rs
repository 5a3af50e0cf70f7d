//! Validation and the provider block: protocol list 47, 49, 51 to 57.

use core_emulator::proto::tfplugin6::{DynamicValue, validate_resource_config};
use core_emulator::{Attribute, Core, UNKNOWN};
use serde_json::{Value, json};
use suite::Lab;
use suite::plugin::{block, configured, core, launch, started};

const POOL: &str = "homelab_pve_pool";

/// A configuration with everything that may be set known only after apply.
fn all_unknown(attributes: &[Attribute]) -> Value {
    let settable = attributes.iter().filter(|attribute| attribute.required || attribute.optional);
    Value::Object(settable.map(|attribute| (attribute.name.clone(), json!(UNKNOWN))).collect())
}

/// 47 and 51.
#[tokio::test]
async fn what_is_not_known_yet_is_no_error_anywhere() {
    let plugin = started().await;
    let core = core(&plugin).await;
    for (name, schema) in core.resources() {
        core.validate(name, &all_unknown(&schema.attributes))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for (name, schema) in core.data_sources() {
        let config = all_unknown(&schema.attributes);
        core.validate_data(name, &config).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for (name, schema) in core.ephemerals() {
        let config = all_unknown(&schema.attributes);
        core.validate_ephemeral(name, &config).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    core.configure(&all_unknown(&core.provider().attributes)).await.unwrap();
}

/// 49: a CLI that does not know write-only arguments would store them.
#[tokio::test]
async fn a_write_only_value_needs_a_core_that_does_not_store_it() {
    let plugin = started().await;
    let core = core(&plugin).await;
    let config = json!({ "user_id": "a@pve", "password_wo": "longenough" });
    core.validate("homelab_pve_user", &config).await.unwrap();

    let json = Some(DynamicValue { msgpack: Vec::new(), json: config.to_string().into_bytes() });
    let request = validate_resource_config::Request {
        type_name: "homelab_pve_user".to_owned(),
        config: json,
        client_capabilities: None,
    };
    let said = core.client().validate_resource_config(request).await.unwrap().into_inner().diagnostics;
    assert_eq!(said.len(), 1, "{said:?}");
    let path = said[0].attribute.clone().unwrap();
    assert!(format!("{path:?}").contains("password_wo"), "{path:?}");
    assert!(!said[0].detail.contains("longenough"));
}

/// 52 and 57: with a debugger, one process is configured again for every walk and every alias.
#[tokio::test]
async fn configuring_again_replaces_what_was_there() {
    let (one, two) = (Lab::start(), Lab::start());
    let (_plugin, core) = configured(&one).await;
    core.data("homelab_pve_version", &json!({})).await.unwrap();
    let calls = one.calls();
    assert!(calls > 0);
    core.configure(&block(&two)).await.unwrap();
    core.data("homelab_pve_version", &json!({})).await.unwrap();
    assert_eq!(one.calls(), calls);
    assert!(two.calls() > 0);
}

/// 57.
#[tokio::test]
async fn two_processes_share_nothing() {
    let (one, two) = (Lab::start(), Lab::start());
    let (_first, first) = configured(&one).await;
    let (_second, second) = configured(&two).await;
    first.data("homelab_pve_version", &json!({})).await.unwrap();
    assert_eq!(two.calls(), 0);
    second.data("homelab_pve_version", &json!({})).await.unwrap();
}

/// 53.
#[tokio::test]
async fn a_setting_that_is_not_known_yet_is_blamed_only_when_it_is_needed() {
    let plugin = started().await;
    let core = core(&plugin).await;
    core.configure(&json!({ "pve": { "endpoint": UNKNOWN, "api_token": "root@pam!a=b" } })).await.unwrap();
    let plan = core.plan(POOL, None, &json!({ "name": "a" })).await.unwrap();
    assert_eq!(plan.action, core_emulator::Action::Create);
    let said = core.data("homelab_pve_version", &json!({})).await.unwrap_err().refused();
    assert!(said[0].detail.contains("endpoint"), "{}", said[0]);
}

/// 54: nobody listens there, and the secret is nowhere.
#[tokio::test]
async fn an_unreachable_service_is_explained_without_a_secret() {
    let plugin = launch().variable("TF_LOG", "trace").start().await.unwrap();
    let core = core(&plugin).await;
    let secret = "0b1c2d3e-1111-2222-3333-444455556666";
    let pve = json!({ "endpoint": "https://127.0.0.1:9", "api_token": format!("root@pam!t={secret}"), "insecure": true });
    core.configure(&json!({ "pve": pve })).await.unwrap();
    let said = core.data("homelab_pve_version", &json!({})).await.unwrap_err().refused();
    assert!(said[0].detail.contains("127.0.0.1:9"), "{}", said[0]);
    assert!(!format!("{said:?}{}", plugin.stderr()).contains(secret));
}

/// 56: RPCs before configure.
#[tokio::test]
async fn a_call_before_the_provider_is_configured_is_an_error_for_the_user() {
    let plugin = started().await;
    let core: Core = core(&plugin).await;
    let said = core.data("homelab_pve_version", &json!({})).await.unwrap_err().refused();
    assert!(said[0].is_error && !said[0].detail.is_empty());
}
