//! One resource through its whole life on a service in memory, with the core's checks after each step.

mod support {
    pub mod boxes;
    pub mod core;
    pub mod only;
}

use support::boxes::{Box, Provider, STORE, TYPE};
use support::core;
use tf_framework::prelude::*;
use tf_framework::{
    ApplyRequest, Capabilities, ImportRequest, PlanRequest, PlanResponse, ReadRequest, Server, Severity,
};

/// Plays the core for one resource.
struct Core {
    server: Server,
    state: Value,
    private: Vec<u8>,
    identity: Option<Value>,
}

impl Core {
    fn new() -> Self {
        Self { server: Server::new::<Provider>(), state: Value::Null, private: Vec::new(), identity: None }
    }

    fn attributes(&self) -> &[tf_framework::Attribute] {
        &self.server.schemas().resources[TYPE].schema.attributes
    }

    /// A configuration with every attribute.
    fn config(&self, set: &[(&str, Value)]) -> Value {
        let mut config = Value::object(self.attributes().iter().map(|a| (a.name.clone(), Value::Null)));
        for (name, value) in set {
            config.set(&(*name).into(), value.clone());
        }
        config
    }

    async fn plan(&self, config: &Value) -> PlanResponse {
        let plan = self
            .server
            .plan_resource_change(PlanRequest {
                type_name: TYPE.to_owned(),
                prior_state: self.state.clone(),
                proposed_new_state: core::proposed(self.attributes(), &self.state, config),
                config: config.clone(),
                prior_private: self.private.clone(),
                prior_identity: self.identity.clone(),
                capabilities: Capabilities::default(),
            })
            .await;
        assert_eq!(plan.diagnostics, [], "the plan of {config:?}");
        let wrong = core::plan_errors(self.attributes(), &self.state, config, &plan.planned_state);
        assert_eq!(wrong, [""; 0]);
        plan
    }

    async fn apply(&mut self, config: &Value) -> PlanResponse {
        let plan = self.plan(config).await;
        let applied = self
            .server
            .apply_resource_change(ApplyRequest {
                type_name: TYPE.to_owned(),
                prior_state: self.state.clone(),
                planned_state: plan.planned_state.clone(),
                config: config.clone(),
                planned_private: plan.planned_private.clone(),
                planned_identity: plan.planned_identity.clone(),
            })
            .await;
        assert_eq!(applied.diagnostics, []);
        let wrong = core::outcome_errors(self.attributes(), &plan.planned_state, &applied.new_state);
        assert_eq!(wrong, [""; 0]);
        (self.state, self.private, self.identity) =
            (applied.new_state, applied.private, applied.new_identity);
        plan
    }

    async fn refresh(&mut self) {
        let read = self
            .server
            .read_resource(ReadRequest {
                type_name: TYPE.to_owned(),
                state: self.state.clone(),
                private: self.private.clone(),
                identity: self.identity.clone(),
                capabilities: Capabilities::default(),
            })
            .await;
        assert_eq!(read.diagnostics, []);
        (self.state, self.private, self.identity) = (read.state, read.private, read.identity);
    }

    async fn assert_no_change(&mut self, config: &Value) {
        assert_eq!(self.plan(config).await.planned_state, self.state);
        self.refresh().await;
        assert_eq!(self.plan(config).await.planned_state, self.state);
    }
}

fn slots(sizes: &[(&str, i64)]) -> Value {
    let slot = |size: i64| {
        Value::object([("size_gib", Value::from(size)), ("volume", Value::Null), ("format", Value::Null)])
    };
    Value::Map(sizes.iter().map(|(name, size)| ((*name).to_owned(), slot(*size))).collect())
}

#[tokio::test]
async fn a_box_lives_from_create_to_destroy_without_a_false_difference() {
    let mut core = Core::new();
    let config = core.config(&[
        ("name", "a".into()),
        ("address", "FE80:0:0::1".into()),
        ("slots", slots(&[("one", 10)])),
        ("password_wo", "hunter22".into()),
        ("password_wo_version", 1.into()),
    ]);
    let plan = core.apply(&config).await;
    assert!(plan.planned_state.attribute("serial").is_unknown());
    assert_eq!(plan.planned_identity, None);
    assert_eq!(core.state.attribute("count"), &Value::from(2));
    assert_eq!(core.state.attribute("address"), &Value::from("FE80:0:0::1"));
    assert_eq!(core.identity, Some(Value::object([("id", "a".into())])));
    assert_eq!(
        STORE.with_borrow(|store| store["a"].password.clone()),
        Some("hunter22".to_owned()),
        "the write-only value reaches create"
    );
    core.assert_no_change(&config).await;

    let config = core.config(&[
        ("name", "a".into()),
        ("address", "fe80::1".into()),
        ("slots", slots(&[("one", 10), ("two", 5)])),
        ("password_wo", "hunter33".into()),
        ("password_wo_version", 2.into()),
    ]);
    let plan = core.apply(&config).await;
    assert_eq!(plan.planned_state.attribute("serial"), &Value::from(7), "a kept attribute stays known");
    assert!(plan.planned_state.attribute("writes").is_unknown());
    assert_eq!(plan.requires_replace, []);
    assert_eq!(STORE.with_borrow(|store| store["a"].password.clone()), Some("hunter33".to_owned()));
    assert_eq!(core.state.attribute("address"), &Value::from("FE80:0:0::1"), "the old spelling stays");
    core.assert_no_change(&config).await;

    let plan = core.apply(&Value::Null).await;
    assert!(plan.planned_state.is_null() && core.state.is_null());
    assert!(STORE.with_borrow(BTreeMap::is_empty));
}

#[tokio::test]
async fn a_change_of_the_name_replaces() {
    let mut core = Core::new();
    core.apply(&core.config(&[("name", "a".into())])).await;
    let plan = core.plan(&core.config(&[("name", "b".into())])).await;
    assert_eq!(plan.requires_replace, [Path::from("name")]);
    let plan = core.plan(&core.config(&[("name", Value::Unknown)])).await;
    assert_eq!(plan.requires_replace, [Path::from("name")]);
}

#[tokio::test]
async fn an_import_has_everything_and_plans_nothing() {
    let mut core = Core::new();
    let config = core.config(&[("name", "a".into()), ("slots", slots(&[("one", 10)]))]);
    core.apply(&config).await;
    for (id, identity) in [("a", None), ("", core.identity.clone())] {
        let request = ImportRequest {
            type_name: TYPE.to_owned(),
            id: id.to_owned(),
            identity,
            capabilities: Capabilities::default(),
        };
        let imported = core.server.import_resource_state(request).await;
        assert_eq!(imported.diagnostics, []);
        assert_eq!(imported.resources[0].state, core.state);
        assert_eq!(imported.resources[0].identity, core.identity);
        core.state = imported.resources[0].state.clone();
        core.assert_no_change(&config).await;
    }
}

#[tokio::test]
async fn what_is_gone_leaves_the_state_without_an_error() {
    let mut core = Core::new();
    core.apply(&core.config(&[("name", "a".into())])).await;
    STORE.with_borrow_mut(BTreeMap::clear);
    core.refresh().await;
    assert!(core.state.is_null() && core.private.is_empty() && core.identity.is_none());
}

#[tokio::test]
async fn validation_names_the_setting_and_never_an_unknown_one() {
    let core = Core::new();
    let validate = async |set: &[(&str, Value)]| {
        let config = core.config(set);
        core.server.validate_resource_config(TYPE, config, Capabilities::default()).await
    };
    let found = validate(&[("slots", slots(&[("one", 101)])), ("serial", 1.into())]).await;
    let paths: Vec<_> = found.iter().map(|d| d.path.as_ref().map(ToString::to_string)).collect();
    assert_eq!(
        paths,
        [Some("name".to_owned()), Some("slots[\"one\"].size_gib".to_owned()), Some("serial".to_owned())]
    );
    assert!(found.iter().all(|diagnostic| diagnostic.severity == Severity::Error));
    let found = validate(&[("name", "a".into()), ("password_wo", "secret".into())]).await;
    assert_eq!(found[0].summary, "Write-only argument not supported");
    let unknown: Vec<_> =
        Box::attributes().iter().filter(|a| a.mode.is_configurable()).map(|a| a.name.clone()).collect();
    let config = Value::object(
        unknown.into_iter().filter(|name| name != "password_wo").map(|name| (name, Value::Unknown)),
    );
    assert_eq!(core.server.validate_resource_config(TYPE, config, Capabilities::default()).await, []);
}

#[tokio::test]
async fn what_matters_only_at_creation_never_differs_afterwards() {
    let mut core = Core::new();
    let source = |image: &str| Value::object([("image", Value::from(image))]);
    let slots = |format: Value| {
        let slot = [("size_gib", Value::from(1)), ("volume", Value::Null), ("format", format)];
        Value::Map([("one".to_owned(), Value::object(slot))].into())
    };
    let with = |source: Value, format: Value| {
        core.config(&[("name", "a".into()), ("source", source), ("slots", slots(format))])
    };
    let first = with(source("one.img"), "raw".into());
    let other = with(source("two.img"), "qcow2".into());
    let none = with(Value::Null, Value::Null);
    core.apply(&first).await;
    core.assert_no_change(&first).await;
    core.assert_no_change(&other).await;
    assert_eq!(core.state.attribute("source"), &source("one.img"));

    let writes = core.state.attribute("writes").clone();
    let plan = core.apply(&none).await;
    assert_eq!(plan.planned_state.attribute("source"), &Value::Null);
    assert_eq!(plan.planned_state.attribute("writes"), &writes, "the service has nothing to do");
    assert_eq!(plan.requires_replace, []);
    core.assert_no_change(&none).await;

    core.apply(&other).await;
    assert_eq!(core.state.attribute("source"), &source("two.img"));
    core.assert_no_change(&other).await;
}

#[tokio::test]
async fn an_update_does_not_see_what_matters_only_at_creation() {
    let mut core = Core::new();
    let bare = core.config(&[("name", "a".into())]);
    core.apply(&bare).await;
    let source = Value::object([("image", Value::from("one.img"))]);
    let with = |comment: &str| {
        core.config(&[("name", "a".into()), ("source", source.clone()), ("comment", comment.into())])
    };
    let (config, other) = (with("first"), with("second"));
    core.apply(&config).await;
    core.apply(&other).await;
    assert_eq!(core.state.attribute("writes"), &Value::from(3));
    assert_eq!(STORE.with_borrow(|store| store["a"].sources_seen), 0);
}

#[tokio::test]
async fn a_fraction_is_refused_where_the_field_is_whole() {
    let core = Core::new();
    let config =
        core.config(&[("name", "a".into()), ("count", Value::Number("1.5".parse().expect("a number")))]);
    let found = core.server.validate_resource_config(TYPE, config, Capabilities::default()).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].detail, "This argument must be a whole number that fits in 64 bits; it is 1.5.");
}
