//! Calls that go wrong inside the provider: the answer is a message, and the next call works.

use std::sync::Arc;

use tf_framework::Server;
use tf_framework::prelude::*;

use super::Provider;
use crate::proto::tfplugin6 as wire;
use crate::wire::{dynamic, value};

/// A toy that breaks in the ways that its name says.
#[derive(Clone, Debug, Schema)]
#[schema(name = "toy", version = 0)]
struct Toy {
    /// Name of the toy.
    name: String,
}

struct Cx(Operation);

impl Resource for Toy {
    type Cx = Cx;
    type Id = String;

    fn id(&self) -> String {
        self.name.clone()
    }

    async fn create(cx: &Cx, want: &Toy) -> Result<String> {
        assert_ne!(want.name, "early", "s3cret");
        cx.0.created(&want.name);
        assert_ne!(want.name, "late", "s3cret");
        Ok(want.name.clone())
    }

    async fn read(_cx: &Cx, id: &String, _prior: Option<&Toy>) -> Result<Option<Toy>> {
        Ok(Some(Toy { name: id.clone() }))
    }

    async fn update(_cx: &Cx, _id: &String, _change: Change<'_, Toy>) -> Result<()> {
        Ok(())
    }

    async fn delete(_cx: &Cx, _id: &String, _prior: &Toy) -> Result<()> {
        Ok(())
    }
}

/// The provider block.
#[derive(Debug, Schema)]
#[schema(name = "toys")]
struct Config {}

struct Toys;

impl ProviderDefinition for Toys {
    type Config = Config;
    type Client = ();
    type Cx = Cx;
    const NAME: &'static str = "toys";

    fn configure(_config: Config) -> Result<()> {
        Ok(())
    }

    fn context(_client: Option<Arc<()>>, operation: Operation) -> Cx {
        Cx(operation)
    }

    fn register(registry: &mut Registry<Cx>) {
        registry.resource::<Toy>();
    }
}

fn provider() -> Provider {
    Provider::new(Server::new::<Toys>())
}

/// The apply of a new toy.
async fn create(provider: &Provider, name: &str) -> wire::apply_resource_change::Response {
    let (ty, _) = provider.types("toys_toy").unwrap();
    let toy = Value::object([("name", Value::from(name))]);
    let request = wire::apply_resource_change::Request {
        type_name: "toys_toy".to_owned(),
        prior_state: dynamic(&Value::Null, &ty).unwrap(),
        planned_state: dynamic(&toy, &ty).unwrap(),
        config: dynamic(&toy, &ty).unwrap(),
        ..Default::default()
    };
    provider.apply_resource_change(request).await.unwrap()
}

/// Protocol list 74: a panic before anything was made, and one after.
#[tokio::test]
async fn a_panic_in_a_resource_is_a_message_and_what_was_made_is_kept() {
    let provider = provider();
    let (ty, _) = provider.types("toys_toy").unwrap();
    let early = create(&provider, "early").await;
    assert!(value(early.new_state.as_ref(), &ty).unwrap().is_null());
    let late = create(&provider, "late").await;
    let kept = value(late.new_state.as_ref(), &ty).unwrap();
    assert_eq!(kept.attribute("name"), &Value::from("late"));
    for answer in [early, late] {
        assert_eq!(answer.diagnostics.len(), 1);
        let said = &answer.diagnostics[0];
        assert!(said.detail.contains("bug"), "{}", said.detail);
        assert!(!said.detail.contains("s3cret"), "the text of a panic may hold anything");
    }
    let fine = create(&provider, "fine").await;
    assert_eq!(fine.diagnostics, []);
}

/// A panic outside the framework, in this crate.
#[tokio::test]
async fn a_panic_in_a_call_is_a_message() {
    let answer =
        super::call::<wire::get_functions::Response>("GetFunctions", "", async { panic!("s3cret") }).await;
    let said = answer.unwrap().into_inner().diagnostics;
    assert_eq!(said[0].summary, "Provider crashed");
    assert!(!said[0].detail.contains("s3cret"));
}

#[tokio::test]
async fn an_apply_of_garbage_gives_back_the_state_before() {
    let provider = provider();
    let (ty, _) = provider.types("toys_toy").unwrap();
    let prior = dynamic(&Value::object([("name", Value::from("a"))]), &ty).unwrap();
    let request = wire::apply_resource_change::Request {
        type_name: "toys_toy".to_owned(),
        prior_state: prior.clone(),
        planned_state: Some(wire::DynamicValue { msgpack: b"garbage".to_vec(), json: Vec::new() }),
        planned_private: b"{}".to_vec(),
        ..Default::default()
    };
    let answer = provider.apply_resource_change(request).await.unwrap();
    assert_eq!((answer.new_state, answer.private), (prior, b"{}".to_vec()));
    assert_eq!(answer.diagnostics[0].summary, "Malformed value");
}
