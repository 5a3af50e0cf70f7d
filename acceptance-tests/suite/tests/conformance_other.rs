//! Data sources, functions, ephemeral resources, load and logs: protocol list 83 to 89.

use std::sync::Arc;
use std::time::Duration;

use core_emulator::{Cli, Core, UNKNOWN, Value};
use serde_json::json;
use suite::Lab;
use suite::plugin::{block, configured, core, launch, started};

/// 83.
#[tokio::test]
async fn a_data_source_finds_something_or_fails() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let found = core.data("homelab_pve_version", &json!({})).await.unwrap();
    assert!(matches!(found.get("version"), Value::String(_)), "{found:?}");
    let said = core.data("homelab_pve_vm", &json!({ "vm_id": 987_654 })).await.unwrap_err().refused();
    assert!(said[0].detail.contains("987654"), "{}", said[0]);
}

/// 84: in a process that was never configured, as either CLI calls it.
#[tokio::test]
async fn a_function_is_pure_and_blames_its_argument() {
    let plugin = started().await;
    for cli in [Cli::Terraform, Cli::Tofu] {
        let core = Core::connect(plugin.channel().await.unwrap(), cli).await.unwrap();
        assert_eq!(
            core.functions().collect::<Vec<_>>(),
            ["cloud_config", "max_gap", "next_events", "parse_volume_id"]
        );
        let call = async |argument: serde_json::Value| core.call("parse_volume_id", &[argument]).await;
        let parsed = call(json!("local:iso/debian.iso")).await.unwrap();
        assert_eq!(parsed.get("storage_name"), &Value::String("local".to_owned()));
        assert_eq!(parsed.get("vm_id"), &Value::Null);
        assert_eq!(call(json!("local:iso/debian.iso")).await.unwrap(), parsed);
        assert_eq!(call(json!(UNKNOWN)).await.unwrap(), Value::Unknown);
        let said = call(json!("nonsense")).await.unwrap_err().refused();
        assert_eq!(said[0].path, "0", "{}", said[0]);
    }
}

/// 84: a number of arguments that no core sends.
#[tokio::test]
async fn a_function_with_the_wrong_number_of_arguments_is_refused() {
    use core_emulator::proto::tfplugin6::{DynamicValue, call_function};
    let plugin = started().await;
    let core = core(&plugin).await;
    let argument = || DynamicValue { msgpack: b"\xa1a".to_vec(), json: Vec::new() };
    for arguments in [Vec::new(), vec![argument(), argument()]] {
        let request = call_function::Request { name: "parse_volume_id".to_owned(), arguments };
        let error = core.client().call_function(request).await.unwrap().into_inner().error.unwrap();
        assert!(error.text.contains("takes 1 argument,"), "{}", error.text);
    }
}

/// 85.
#[tokio::test]
async fn an_ephemeral_ticket_is_opened_renewed_and_closed_twice() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let config = json!({ "username": "root@pam", "password": lab.password() });
    let opened = core.open("homelab_pve_ticket", &config).await.unwrap();
    assert!(
        matches!(opened.result.get("ticket"), Value::String(ticket) if ticket.starts_with("PVE:root@pam:"))
    );
    assert!(opened.renew_at.unwrap() > std::time::SystemTime::now());
    let renewed = core.renew(&opened).await.unwrap();
    core.close(&renewed).await.unwrap();
    core.close(&renewed).await.unwrap();
    let config = json!({ "username": "root@pam", "password": "wrong-password" });
    let said = core.open("homelab_pve_ticket", &config).await.unwrap_err().refused();
    assert_eq!(said[0].path, "password");
    assert!(!said[0].detail.contains("wrong-password"));
}

/// 86.
#[tokio::test(flavor = "multi_thread")]
async fn many_mixed_calls_at_once_are_all_answered() {
    let lab = Lab::start();
    let (_plugin, core) = configured(&lab).await;
    let core = Arc::new(core);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..256 {
        let core = core.clone();
        calls.spawn(async move {
            match number % 4 {
                0 => drop(core.data("homelab_pve_version", &json!({})).await.unwrap()),
                1 => drop(core.call("parse_volume_id", &[json!("local:iso/a.iso")]).await.unwrap()),
                2 => drop(core.validate("homelab_pve_pool", &json!({ "name": "a" })).await.unwrap()),
                _ => drop(core.plan("homelab_pve_pool", None, &json!({ "name": "a" })).await.unwrap()),
            }
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(60), calls.join_all()).await.unwrap();
    assert_eq!(all.len(), 256);
}

/// 87: a core that hangs up in the middle of a call does not end the work nor the process.
#[tokio::test]
async fn a_client_that_hangs_up_leaves_the_process_well() {
    let lab = Lab::with(&["--latency", "300"]);
    let (plugin, core) = configured(&lab).await;
    for _ in 0..3 {
        let other = suite::plugin::core(&plugin).await;
        let config = json!({});
        let call = other.data("homelab_pve_version", &config);
        tokio::time::timeout(Duration::from_millis(50), call).await.unwrap_err();
        drop(other);
    }
    core.data("homelab_pve_version", &json!({})).await.unwrap();
}

/// 88: every line is what a core can read, and no secret is in one.
#[tokio::test]
async fn the_log_is_lines_of_json_without_a_secret() {
    let lab = Lab::start();
    let mut plugin = launch().variable("TF_LOG_PROVIDER", "trace").start().await.unwrap();
    let core = core(&plugin).await;
    core.configure(&block(&lab)).await.unwrap();
    let config = json!({ "name": "logged", "comment": "x".repeat(1000) });
    let plan = core.plan("homelab_pve_pool", None, &config).await.unwrap();
    core.apply(&plan, &config).await.unwrap().ok();
    let password = json!({ "username": "root@pam", "password": lab.password() });
    let opened = core.open("homelab_pve_ticket", &password).await.unwrap();
    plugin.shut_down().await.unwrap();
    plugin.ended(Duration::from_secs(5)).await.unwrap();

    let log = plugin.stderr();
    let mut seen = std::collections::BTreeSet::new();
    for line in log.lines() {
        assert!(line.len() < 64 * 1024);
        let fields: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["@level", "@message", "@timestamp", "@module"] {
            assert!(fields[key].is_string(), "{line}");
        }
        let timestamp = fields["@timestamp"].as_str().unwrap();
        assert_eq!((timestamp.len(), timestamp.ends_with('Z')), (27, true), "{timestamp}");
        seen.extend(fields["tf_rpc"].as_str().map(ToOwned::to_owned));
    }
    for call in ["ConfigureProvider", "PlanResourceChange", "ApplyResourceChange", "OpenEphemeralResource"] {
        assert!(seen.contains(call), "{call} is not in the log");
    }
    let token = lab.api_token();
    let (_, token) = token.split_once('=').unwrap();
    let Value::String(ticket) = opened.result.get("ticket") else { panic!("there is no ticket") };
    let Value::String(csrf) = opened.result.get("csrf_token") else { panic!("there is no token") };
    for secret in [token, lab.password().as_str(), ticket, csrf] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

/// 89: every message can be shown beside the setting to blame.
#[tokio::test]
async fn a_message_names_a_setting_that_the_schema_has() {
    let plugin = started().await;
    let core = core(&plugin).await;
    let pool = &core.resources()["homelab_pve_pool"];
    let wrong = [
        json!({}),
        json!({ "name": "a b" }),
        json!({ "name": "a", "comment": "" }),
        json!({ "name": "a", "timeouts": { "create": "soon" } }),
    ];
    for config in wrong {
        for message in core.validate("homelab_pve_pool", &config).await.unwrap_err().refused() {
            let names: Vec<&str> = message.path.split('.').collect();
            assert!(pool.find(&names).is_some(), "{message}");
        }
    }
}
