//! Stored states, imports, moves, data sources, functions and ephemeral resources.

use serde_json::json;
use tf_framework::prelude::*;
use tf_framework::{
    Capabilities, DataSource, Ephemeral, ImportRequest, MoveRequest, Opened, ReadRequest, Server,
};

/// A node.
#[derive(Clone, Debug, Schema)]
#[schema(name = "node", version = 2)]
struct Node {
    /// Address of the node.
    #[schema(parse)]
    address: std::net::Ipv4Addr,
    /// Free text.
    comment: Option<String>,
    /// Password.
    #[schema(write_only)]
    password_wo: Option<String>,
}

struct Cx;

impl Resource for Node {
    type Cx = Cx;
    type Id = std::net::Ipv4Addr;

    fn id(&self) -> Self::Id {
        self.address
    }

    async fn create(_cx: &Cx, want: &Node) -> Result<Self::Id> {
        Ok(want.address)
    }

    async fn read(_cx: &Cx, id: &Self::Id, _prior: Option<&Node>) -> Result<Option<Node>> {
        let there = id.octets()[0] == 10;
        Ok(there.then_some(Node { address: *id, comment: None, password_wo: None }))
    }

    async fn update(_cx: &Cx, _id: &Self::Id, _change: Change<'_, Node>) -> Result<()> {
        Ok(())
    }

    async fn delete(_cx: &Cx, _id: &Self::Id, _prior: &Node) -> Result<()> {
        Ok(())
    }

    fn upgrade(version: i64, json: serde_json::Value) -> Result<serde_json::Value> {
        match version {
            1 => Ok(json!({"address": json["ip"], "comment": json["comment"]})),
            _ => Err(Error::new("State is too old", "Versions before 1 were never released.")),
        }
    }

    fn move_from(
        _provider: &str,
        type_name: &str,
        _version: i64,
        json: &serde_json::Value,
    ) -> Option<Result<Self>> {
        let address = json["host"].as_str().unwrap_or_default().parse();
        (type_name == "other_host").then(|| match address {
            Ok(address) => Ok(Node { address, comment: None, password_wo: None }),
            Err(error) => {
                Err(Error::new("State cannot be moved", format!("The host is no address: {error}.")))
            }
        })
    }
}

/// What is known of a name.
#[derive(Clone, Debug, Schema)]
#[schema(name = "lookup")]
struct Lookup {
    /// The name.
    name: String,
    /// Its address.
    address: Computed<String>,
}

impl DataSource for Lookup {
    type Cx = Cx;

    async fn read(_cx: &Cx, config: Self) -> Result<Self> {
        if config.name == "nobody" {
            return Err(Error::new("Object not found", "There is no \"nobody\".").at("name"));
        }
        Ok(Self { address: Computed::Known("10.0.0.1".to_owned()), ..config })
    }
}

/// A login.
#[derive(Debug, Schema)]
#[schema(name = "login")]
struct Login {
    /// The user.
    username: String,
    /// What to show.
    #[schema(sensitive)]
    ticket: Computed<String>,
}

impl Ephemeral for Login {
    type Cx = Cx;

    async fn open(_cx: &Cx, config: Self) -> Result<Opened<Self>> {
        let result = Self { ticket: Computed::Known("open".to_owned()), ..config };
        Ok(Opened { result, private: json!({"ticket": "open"}), renew_at: None })
    }

    async fn close(_cx: &Cx, private: &serde_json::Value) -> Result<()> {
        if private["ticket"] == "open" { Ok(()) } else { Err(Error::new("Ticket is lost", "There is none.")) }
    }
}

struct Sum;

impl Function for Sum {
    const NAME: &'static str = "sum";

    fn schema() -> FunctionSchema {
        let parameter = |name: &str| Parameter {
            name: name.to_owned(),
            ty: Type::Number,
            allow_null: false,
            allow_unknown: false,
            description: "A number.".to_owned(),
        };
        FunctionSchema {
            summary: "Adds.".to_owned(),
            description: "Adds numbers.".to_owned(),
            parameters: vec![parameter("first")],
            variadic: Some(parameter("further")),
            returns: Type::Number,
        }
    }

    fn call(args: &[Value]) -> Result<Value, FunctionError> {
        let numbers =
            args.iter().map(|value| value.as_number().and_then(Number::to_i64).expect("small numbers"));
        Ok(Value::from(numbers.sum::<i64>()))
    }
}

/// The provider block.
#[derive(Debug, Schema)]
#[schema(name = "homelab")]
struct Config {}

struct Provider;

impl ProviderDefinition for Provider {
    type Config = Config;
    type Client = ();
    type Cx = Cx;
    const NAME: &'static str = "homelab";

    fn configure(_config: Config) -> Result<()> {
        Ok(())
    }

    fn context(_client: Option<std::sync::Arc<()>>, _operation: Operation) -> Cx {
        Cx
    }

    fn register(registry: &mut Registry<Cx>) {
        registry.resource::<Node>().data_source::<Lookup>().ephemeral::<Login>().function::<Sum>();
    }
}

fn server() -> Server {
    Server::new::<Provider>()
}

fn node(address: &str, comment: Value) -> Value {
    Value::object([
        ("address", address.into()),
        ("comment", comment),
        ("password_wo", Value::Null),
        ("timeouts", Value::Null),
    ])
}

#[tokio::test]
async fn a_stored_state_becomes_one_of_today() {
    let timeouts = json!({"create": "5m", "read": null, "update": null, "delete": null});
    let cases = [
        (
            2,
            json!({"address": "10.0.0.1", "comment": "x", "gone_since": 1}),
            Ok(node("10.0.0.1", "x".into())),
        ),
        (2, json!({"address": "10.0.0.1"}), Ok(node("10.0.0.1", Value::Null))),
        (2, json!({"address": "10.0.0.1", "password_wo": "leaked"}), Ok(node("10.0.0.1", Value::Null))),
        (1, json!({"ip": "10.0.0.1", "comment": "x"}), Ok(node("10.0.0.1", "x".into()))),
        (0, json!({}), Err("State is too old")),
        (3, json!({}), Err("State is too new")),
        (2, json!({"address": ["10.0.0.1"]}), Err("Unreadable state")),
        (2, json!(7), Err("Unreadable state")),
    ];
    for (version, stored, wanted) in cases {
        let upgraded = server().upgrade_resource_state("homelab_node", version, stored.clone()).await;
        match wanted {
            Ok(state) => {
                assert_eq!(upgraded.diagnostics, [], "{stored}");
                assert_eq!(upgraded.state, state, "{stored}");
            }
            Err(summary) => assert_eq!(upgraded.diagnostics[0].summary, summary, "{stored}"),
        }
    }
    let stored = json!({"ip": "10.0.0.1", "timeouts": timeouts});
    let upgraded = server().upgrade_resource_state("homelab_node", 1, stored).await;
    assert_eq!(upgraded.state.attribute("timeouts").attribute("create"), &"5m".into());
}

#[tokio::test]
async fn an_import_id_that_is_none_says_so() {
    let cases = [
        ("10.0.0.1", None),
        ("", Some("Invalid import ID")),
        ("10.0.0", Some("Invalid import ID")),
        ("n\u{f6}de", Some("Invalid import ID")),
        ("192.0.2.1", Some("Object not found")),
    ];
    for (id, wanted) in cases {
        let request = ImportRequest {
            type_name: "homelab_node".to_owned(),
            id: id.to_owned(),
            identity: None,
            capabilities: Capabilities::default(),
        };
        let imported = server().import_resource_state(request).await;
        assert_eq!(imported.diagnostics.first().map(|found| found.summary.as_str()), wanted, "{id}");
        assert_eq!(imported.resources.len(), usize::from(wanted.is_none()), "{id}");
    }
}

#[tokio::test]
async fn a_stored_identity_is_read_only_in_its_version() {
    let raw = json!({"id": "10.0.0.1"});
    let upgraded = server().upgrade_resource_identity("homelab_node", 0, raw.clone()).await;
    assert_eq!(upgraded.identity, Value::object([("id", "10.0.0.1".into())]));
    let upgraded = server().upgrade_resource_identity("homelab_node", 1, raw).await;
    assert_eq!(upgraded.diagnostics[0].summary, "Unreadable identity");
}

#[tokio::test]
async fn an_unreadable_state_is_found_by_its_identity() {
    let request = |identity| ReadRequest {
        type_name: "homelab_node".to_owned(),
        state: node("", Value::Null),
        private: Vec::new(),
        identity,
        capabilities: Capabilities::default(),
    };
    let identity = Value::object([("id", "10.0.0.1".into())]);
    let read = server().read_resource(request(Some(identity.clone()))).await;
    assert_eq!((read.diagnostics, read.state), (vec![], node("10.0.0.1", Value::Null)));
    assert_eq!(read.identity, Some(identity));
    let read = server().read_resource(request(None)).await;
    assert_eq!(read.diagnostics[0].path, Some("address".into()));
}

#[tokio::test]
async fn only_a_known_type_can_be_moved() {
    let cases = [
        ("other_host", json!({"host": "10.0.0.1"}), None),
        ("other_host", json!({"host": "nowhere"}), Some("State cannot be moved")),
        ("other_thing", json!({}), Some("Move is not supported")),
    ];
    for (source, state, wanted) in cases {
        let request = MoveRequest {
            source_provider_address: "registry.opentofu.org/other/other".to_owned(),
            source_type_name: source.to_owned(),
            source_schema_version: 0,
            source_state: state,
            target_type_name: "homelab_node".to_owned(),
        };
        let moved = server().move_resource_state(request).await;
        assert_eq!(moved.diagnostics.first().map(|found| found.summary.as_str()), wanted);
        if wanted.is_none() {
            assert_eq!(moved.state, node("10.0.0.1", Value::Null));
            assert_eq!(moved.identity, Some(Value::object([("id", "10.0.0.1".into())])));
        }
    }
}

#[tokio::test]
async fn a_function_gets_what_its_signature_says() {
    let null = |argument| {
        Err(FunctionError { argument: Some(argument), text: "`further` must not be null.".into() })
    };
    let cases = [
        (vec![Value::from(1)], Ok(Value::from(1))),
        (vec![Value::from(1), Value::from(2), Value::from(3)], Ok(Value::from(6))),
        (vec![Value::from(1), Value::Unknown], Ok(Value::Unknown)),
        (vec![Value::from(1), Value::Null], null(1)),
        (vec![], Err(FunctionError::new("The function takes 1 arguments, but 0 were given."))),
        (vec!["one".into()], Err(FunctionError::argument(0, "`first` must be a number."))),
    ];
    for (arguments, wanted) in cases {
        assert_eq!(server().call_function("sum", arguments).await, wanted);
    }
    let crash = server().call_function("sum", vec![Value::Number("0.5".parse().expect("a number"))]).await;
    assert!(crash.expect_err("it panics").text.contains("This is a bug"));
}

#[tokio::test]
async fn a_data_source_that_is_not_found_is_an_error() {
    let config = |name: &str| Value::object([("name", name.into()), ("address", Value::Null)]);
    let found = server().read_data_source("homelab_lookup", config("somebody")).await;
    assert_eq!(found.state.attribute("address"), &"10.0.0.1".into());
    let missing = server().read_data_source("homelab_lookup", config("nobody")).await;
    assert!(missing.state.is_null());
    assert_eq!(missing.diagnostics[0].path, Some("name".into()));
    let unknown = server().read_data_source("homelab_nothing", config("nobody")).await;
    assert_eq!(unknown.diagnostics[0].summary, "Unsupported type");
}

#[tokio::test]
async fn an_ephemeral_resource_is_closed_with_what_opening_gave() {
    let server = server();
    let config = Value::object([("username", "root@pam".into()), ("ticket", Value::Null)]);
    let opened = server.open_ephemeral("homelab_login", config).await;
    assert_eq!(opened.diagnostics, []);
    assert_eq!(opened.result.attribute("ticket"), &"open".into());
    let renewed = server.renew_ephemeral("homelab_login", opened.private.clone()).await;
    assert_eq!(renewed.private, opened.private);
    for _ in 0..2 {
        assert_eq!(server.close_ephemeral("homelab_login", renewed.private.clone()).await, []);
    }
    assert_eq!(server.close_ephemeral("homelab_login", Vec::new()).await[0].summary, "Ticket is lost");
}
