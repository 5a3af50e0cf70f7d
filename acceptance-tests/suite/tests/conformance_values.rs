//! Values that no core sends, on the wire of the real plugin: protocol list 36 to 45. Each is an error for the user,
//! on the attribute where there is one, and the process lives on.

use std::time::Duration;

use core_emulator::proto::tfplugin6::provider_client::ProviderClient;
use core_emulator::proto::tfplugin6::{
    Diagnostic, DynamicValue, RawState, plan_resource_change, read_resource, upgrade_resource_state,
    validate_resource_config,
};
use core_emulator::{Core, Plugin};
use serde_json::json;
use suite::plugin::{core, started};

const POOL: &str = "homelab_pve_pool";

fn message(msgpack: Vec<u8>) -> Option<DynamicValue> {
    Some(DynamicValue { msgpack, json: Vec::new() })
}

/// What the plugin says to a configuration, or the error of the call.
async fn validated(core: &Core, config: Option<DynamicValue>) -> Result<Vec<Diagnostic>, tonic::Status> {
    let request =
        validate_resource_config::Request { type_name: POOL.to_owned(), config, client_capabilities: None };
    Ok(core.client().validate_resource_config(request).await?.into_inner().diagnostics)
}

/// The detail of the one error that the plugin gives, and its first attribute.
#[track_caller]
fn malformed(said: &[Diagnostic]) -> (String, String) {
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0].summary, "Malformed value");
    let path = said[0].attribute.clone().unwrap_or_default();
    let first = path.steps.first().and_then(|step| step.selector.clone());
    let first = first.map(|selector| format!("{selector:?}")).unwrap_or_default();
    (said[0].detail.clone(), first)
}

/// A pool's configuration in MessagePack, its attributes in alphabetical order as the type has them.
fn pool(core: &Core, name: &[u8]) -> Vec<u8> {
    let names: Vec<_> =
        core.resources()[POOL].attributes.iter().map(|attribute| attribute.name.clone()).collect();
    let mut out = vec![0x80 | u8::try_from(names.len()).expect("a pool has few attributes")];
    for attribute in names {
        out.push(0xa0 | u8::try_from(attribute.len()).expect("names are short"));
        out.extend(attribute.as_bytes());
        if attribute == "name" {
            out.extend(name);
        } else {
            out.push(0xc0);
        }
    }
    out
}

async fn prepared() -> (Plugin, Core) {
    let plugin = started().await;
    let core = core(&plugin).await;
    (plugin, core)
}

/// 36: an unknown value of any kind is one.
#[tokio::test]
async fn unknown_values_are_taken_however_refined() {
    let (_plugin, core) = prepared().await;
    let refined = [&[0xc7, 9, 12, 0x82, 1, 0xc2, 2, 0xa4][..], b"pre-"].concat();
    for unknown in [&[0xd4, 0, 0][..], &refined, &[0xd5, 77, 1, 2]] {
        assert_eq!(validated(&core, message(pool(&core, unknown))).await.unwrap(), [], "{unknown:x?}");
    }
}

/// 37.
#[tokio::test]
async fn a_value_may_come_as_json() {
    let (_plugin, core) = prepared().await;
    let json = |json: serde_json::Value| {
        Some(DynamicValue { msgpack: Vec::new(), json: json.to_string().into_bytes() })
    };
    assert_eq!(validated(&core, json(json!({ "name": "a" }))).await.unwrap(), []);
    let (detail, path) = malformed(&validated(&core, json(json!({ "name": 5 }))).await.unwrap());
    assert!(detail.contains("name, a string is required"), "{detail}");
    assert_eq!(path, "AttributeName(\"name\")");
}

/// 38.
#[tokio::test]
async fn nothing_at_all_is_null() {
    let (_plugin, core) = prepared().await;
    for nothing in [None, Some(DynamicValue::default()), message(vec![0xc0])] {
        let said = validated(&core, nothing).await.unwrap();
        assert!(said.iter().all(|message| message.summary != "Malformed value"), "{said:?}");
    }
}

/// 39, 40 and 41.
#[tokio::test]
async fn garbage_is_an_error_and_the_process_lives_on() {
    let (_plugin, core) = prepared().await;
    let good = pool(&core, b"\xa1a");
    let mut cases = vec![b"garbage".to_vec(), vec![0xc1], [&good[..], &[0xc0]].concat(), vec![0x91; 200_000]];
    cases.extend([0xdb, 0xdd, 0xdf, 0xc6, 0xc9].map(|marker| vec![marker, 0xff, 0xff, 0xff, 0xff]));
    cases.extend((1..good.len()).map(|length| good[..length].to_vec()));
    for case in cases {
        let begin = case[..case.len().min(20)].to_vec();
        let said = validated(&core, message(case)).await.unwrap();
        assert_eq!(said.len(), 1, "{begin:x?}");
        malformed(&said);
    }
    assert_eq!(validated(&core, message(good)).await.unwrap(), []);
}

/// 42.
#[tokio::test]
async fn a_large_value_is_taken_and_one_beyond_the_limit_refused() {
    let (plugin, core) = prepared().await;
    let text = |length: usize| {
        let mut text = vec![0xdb];
        text.extend(u32::try_from(length).expect("below 4 GiB").to_be_bytes());
        text.resize(text.len() + length, b'a');
        message(pool(&core, &text))
    };
    let said = tokio::time::timeout(Duration::from_secs(60), validated(&core, text(64 << 20)))
        .await
        .unwrap()
        .unwrap();
    assert!(said.iter().all(|message| message.summary != "Malformed value"), "a long name is not malformed");
    // gRPC has two codes for it; either is clean.
    let unlimited = ProviderClient::new(plugin.channel().await.unwrap()).max_encoding_message_size(1 << 30);
    let request = validate_resource_config::Request {
        type_name: POOL.to_owned(),
        config: text(300 << 20),
        client_capabilities: None,
    };
    let refused = unlimited.clone().validate_resource_config(request).await.unwrap_err();
    assert!(
        matches!(refused.code(), tonic::Code::OutOfRange | tonic::Code::ResourceExhausted),
        "{refused:?}"
    );
    assert_eq!(validated(&core, message(pool(&core, b"\xa1a"))).await.unwrap(), []);
}

/// 43.
#[tokio::test]
async fn a_wrong_kind_is_blamed_on_its_attribute() {
    let (_plugin, core) = prepared().await;
    for wrong in [&b"\x05"[..], b"\xc3", b"\x90", b"\x80"] {
        let (detail, path) = malformed(&validated(&core, message(pool(&core, wrong))).await.unwrap());
        assert!(detail.contains("name, a string is required, not"), "{detail}");
        assert_eq!(path, "AttributeName(\"name\")");
    }
}

/// 44.
#[tokio::test]
async fn an_object_has_exactly_the_attributes_of_its_schema() {
    let (_plugin, core) = prepared().await;
    for (object, expected) in [
        (&b"\x80"[..], "is missing"),
        (b"\x81\xa8nonsense\xc0", "there is no attribute \"nonsense\""),
        (b"\x82\xa4name\xc0\xa4name\xc0", "the attribute \"name\" is there twice"),
        (b"\x81\x05\xc0", "a string as key is required"),
    ] {
        let (detail, _) = malformed(&validated(&core, message(object.to_vec())).await.unwrap());
        assert!(detail.contains(expected), "{detail}");
    }
}

/// 45.
#[tokio::test]
async fn text_must_be_utf8_and_may_be_any_of_it() {
    let (_plugin, core) = prepared().await;
    let (detail, _) = malformed(&validated(&core, message(pool(&core, b"\xa2\xff\xfe"))).await.unwrap());
    assert!(detail.contains("not valid UTF-8"), "{detail}");
    for odd in ["\0", "e\u{301}", "\u{1f980}"] {
        let text = [&[0xa0 | u8::try_from(odd.len()).unwrap()], odd.as_bytes()].concat();
        let said = validated(&core, message(pool(&core, &text))).await.unwrap();
        assert!(
            said.iter().all(|message| message.summary == "Invalid value" && message.attribute.is_some()),
            "{said:?}"
        );
    }
}

/// A refusal must not lose what the state has.
#[tokio::test]
async fn a_refused_read_gives_back_what_was_sent() {
    let (_plugin, core) = prepared().await;
    let request = read_resource::Request {
        type_name: POOL.to_owned(),
        current_state: message(b"garbage".to_vec()),
        private: b"{\"a\":1}".to_vec(),
        ..Default::default()
    };
    let answer = core.client().read_resource(request).await.unwrap().into_inner();
    malformed(&answer.diagnostics);
    assert_eq!(answer.new_state, message(b"garbage".to_vec()));
    assert_eq!(answer.private, b"{\"a\":1}");
    let request = plan_resource_change::Request {
        type_name: POOL.to_owned(),
        prior_state: message(b"garbage".to_vec()),
        ..Default::default()
    };
    malformed(&core.client().plan_resource_change(request).await.unwrap().into_inner().diagnostics);
}

/// 81: stored state that is damaged, of Terraform 0.11, newer, or of a neighbouring version.
#[tokio::test]
async fn stored_state_is_read_with_patience_and_refused_with_reasons() {
    let (_plugin, core) = prepared().await;
    let ask = async |version, raw_state| {
        let request = upgrade_resource_state::Request { type_name: POOL.to_owned(), version, raw_state };
        core.client().upgrade_resource_state(request).await.expect("an answer").into_inner()
    };
    let json = |text: &str| Some(RawState { json: text.as_bytes().to_vec(), ..Default::default() });
    for (raw, summary) in [
        (json("{\"name\":"), "Stored state is damaged"),
        (json("{\"name\":\"a\"} x"), "Stored state is damaged"),
        (
            Some(RawState { json: Vec::new(), flatmap: [("name".to_owned(), "a".to_owned())].into() }),
            "Stored state is too old",
        ),
    ] {
        let said = ask(0, raw).await.diagnostics;
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].summary, summary);
    }
    let newer = ask(99, json("{\"name\":\"a\"}")).await.diagnostics;
    assert!(newer.len() == 1 && newer[0].severity == 1, "{newer:?}");

    let found = core.upgrade_json(POOL, 0, &json!({ "name": "a", "gone": 5 })).await.unwrap();
    assert_eq!(found.get("name"), &core_emulator::Value::String("a".to_owned()));
    assert!(found.get("comment").is_null());
}
