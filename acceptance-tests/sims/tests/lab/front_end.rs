//! What a client meets before any behaviour: credentials, formats, bodies, envelopes.

use serde_json::json;

use super::{Bench, FORM};

#[test]
fn a_refused_login_has_its_text_in_the_status_line_only() {
    let bench = Bench::new("empty", &[]);
    let answer = bench.wire.must("GET", "/api2/json/version", &[], None);
    assert_eq!((answer.status, answer.reason.as_str()), (401, "No ticket"));
    assert_eq!(answer.body, "");
    assert!(!answer.head.to_lowercase().contains("content-type"), "{}", answer.head);
    assert!(answer.head.to_lowercase().contains("connection: close"), "{}", answer.head);
}

#[test]
fn a_refusal_by_the_schema_names_each_parameter() {
    let bench = Bench::new("empty", &[]);
    let answer = bench.must("POST", "/nodes/pve1/qemu", Some("vmid=99&bogus=1"));
    assert_eq!((answer.status, answer.reason.as_str()), (400, "Parameter verification failed."));
    assert_eq!(
        answer.body,
        json!({"data": null, "message": "Parameter verification failed.\n", "errors": {
            "bogus": "property is not defined in schema and the schema does not allow additional properties",
            "vmid": "invalid format - value does not look like a valid VM ID\n",
        }})
    );
}

#[test]
fn a_parameter_that_contradicts_the_path_is_refused() {
    let bench = Bench::new("empty", &[]);
    let answer = bench.must("PUT", "/storage/local", Some("storage=other&content=images"));
    assert_eq!(answer.status, 400);
    assert!(
        answer.body["errors"]["storage"].as_str().is_some_and(|text| text.contains("URI")),
        "{}",
        answer.body
    );
}

#[test]
fn what_the_lab_does_not_play_says_so() {
    let bench = Bench::new("empty", &[]);
    let answer = bench.must("GET", "/cluster/acme/challenge-schema", None);
    assert_eq!(answer.status, 501);
    assert_eq!(answer.reason, "the simulated lab does not play GET /cluster/acme/challenge-schema yet");
}

#[test]
fn the_format_extjs_always_answers_200() {
    let bench = Bench::new("empty", &[]);
    let answer = bench.wire.must("GET", "/api2/extjs/pools/nope", &bench.token(), None);
    assert_eq!(answer.status, 200);
    assert_eq!((&answer.body["success"], &answer.body["status"]), (&json!(0), &json!(500)));
}

#[test]
fn a_node_that_does_not_exist_cannot_be_looked_up() {
    let bench = Bench::new("lab", &[]);
    let answer = bench.must("GET", "/nodes/pve9/status", None);
    assert_eq!(answer.status, 500);
    assert!(answer.reason.starts_with("hostname lookup 'pve9' failed"), "{}", answer.reason);
}

#[test]
fn a_long_form_is_refused_with_an_answer() {
    let bench = Bench::new("empty", &[]);
    let form = format!("comment={}", "x".repeat(600 * 1024));
    let answer = bench.wire.must("POST", "/api2/json/pools", &bench.token(), Some((FORM, form.as_bytes())));
    assert_eq!((answer.status, answer.reason.as_str()), (501, "for data too large"));
}
