//! What is rendered is read back as it was, by readers of both versions of YAML.

use std::process::{Command, Stdio};

use cloud_init::cloud_config;
use proptest::prelude::*;
use serde_json::{Value, json};
use yaml_rust2::{Yaml, YamlLoader};

#[test]
fn a_config_reads_as_one_would_write_it() {
    let config = json!({
        "package_update": true,
        "packages": ["curl", "qemu-guest-agent"],
        "users": [{ "name": "ops", "uid": "1000", "groups": [] }],
        "runcmd": [["systemctl", "restart", "ssh"], "echo done: yes"],
        "write_files": [{
            "path": "/etc/motd",
            "permissions": "0644",
            "content": "Hello\n\n  there\n",
        }],
        "timezone": "Europe/Berlin",
        "swap": { "size": 1024, "maxsize": 1.5, "filename": null },
        "final_message": "",
    });
    let expected = r##"#cloud-config
final_message: ""
package_update: true
packages:
  - curl
  - qemu-guest-agent
runcmd:
  - - systemctl
    - restart
    - ssh
  - "echo done: yes"
swap:
  filename: null
  maxsize: 1.5
  size: 1024
timezone: Europe/Berlin
users:
  - groups: []
    name: ops
    uid: "1000"
write_files:
  - content: |
      Hello

        there
    path: /etc/motd
    permissions: "0644"
"##;
    assert_eq!(cloud_config(&config).unwrap(), expected);
}

#[test]
fn only_an_object_is_a_config() {
    let error = cloud_config(&json!(["runcmd"])).unwrap_err();
    assert_eq!(error.to_string(), "a cloud-config is an object, not a list");
    assert_eq!(cloud_config(&json!({})).unwrap(), "#cloud-config\n{}\n");
}

/// Strings that some reader takes for something else, or that blocks get wrong.
fn traps() -> Vec<String> {
    let mut traps: Vec<String> =
        "yes No ON off y N true False NULL ~ null 12:30 1:20:30 0644 0o17 0x1f 1e3 1_000 .5 .inf -.INF .nan \
        2026-01-01 2026-01-01T00:00:00Z - -1 = << ! & * % @ ` | > { } [ ] , # ? : 'a \"a a:b a#b"
            .split(' ')
            .map(str::to_owned)
            .collect();
    traps.extend(
        [
            "",
            " ",
            "a ",
            " a",
            "a: b",
            "a #b",
            "---",
            "...",
            "a\n",
            "a\n\n\n",
            "\na\n",
            " a\nb",
            "a\n b\n",
            "a\n \nb",
            "a\tb\n",
            "a\r\nb",
            "\u{7}",
            "\u{85}",
            "\u{2028}",
            "\u{feff}a\n",
            "é\nü",
            "🦀\n",
            "a\\\"\n",
            "- a\n- b\n",
            "#a\nb\n",
            "\ta\n",
        ]
        .map(str::to_owned),
    );
    traps
}

#[test]
fn no_trap_changes_a_string() {
    for trap in traps() {
        let config = json!({ trap.clone(): [trap.clone(), [trap.clone()], { "in": trap.clone() }] });
        assert_eq!(read_back(&config), config, "{trap:?}");
    }
}

#[test]
fn python_reads_it_back_as_cloud_init_does() {
    let available = Command::new("python3").args(["-c", "import yaml"]).stderr(Stdio::null()).status();
    if !available.is_ok_and(|status| status.success()) {
        eprintln!("skipped: python3 with PyYAML is not installed");
        return;
    }
    let config = json!({ "traps": traps(), "keys": traps().into_iter().map(|trap| (trap, Value::Null)).collect::<serde_json::Map<_, _>>(),
        "numbers": [0, -1, 1.5, 1e5, 1e-3, 123_456_789_012_u64] });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("user-data");
    std::fs::write(&path, cloud_config(&config).unwrap()).unwrap();
    let program =
        "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1], encoding='utf-8'))))";
    let output = Command::new("python3").args(["-c", program]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["traps"], config["traps"]);
    assert_eq!(read["keys"], config["keys"]);
    for (read, written) in
        read["numbers"].as_array().unwrap().iter().zip(config["numbers"].as_array().unwrap())
    {
        assert!(read.is_number(), "{written} became {read}");
        assert_eq!(read.as_f64(), written.as_f64());
    }
}

fn read_back(config: &Value) -> Value {
    let text = cloud_config(config).expect("an object is rendered");
    let documents = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(documents.len(), 1, "{text}");
    json_of(&documents[0])
}

fn json_of(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::String(string) => json!(string),
        Yaml::Integer(number) => json!(number),
        Yaml::Boolean(truth) => json!(truth),
        Yaml::Array(items) => items.iter().map(json_of).collect(),
        Yaml::Hash(map) => {
            let pair = |(key, value): (&Yaml, &Yaml)| {
                (key.as_str().expect("a key is a string").to_owned(), json_of(value))
            };
            Value::Object(map.iter().map(pair).collect())
        }
        Yaml::Null => Value::Null,
        other => panic!("not rendered by us: {other:?}"),
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[ -~\n]{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::sample::select(traps()).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_object_is_read_back_as_it_was(map in proptest::collection::hash_map("[ -~]{0,8}", values(), 0..5)) {
        let config = Value::Object(map.into_iter().collect());
        prop_assert_eq!(read_back(&config), config);
    }
}
