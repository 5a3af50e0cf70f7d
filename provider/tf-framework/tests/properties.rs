//! The rules that the CLI checks, held for random schemas, configurations, states and answers of the service.

mod support {
    pub mod choices;
    pub mod core;
    pub mod service;
    pub mod unclear;
}

use proptest::prelude::*;
use support::choices::{self, Choices};
use support::core;
use support::service::{self, Fault, Provider};
use support::unclear::{hides_replacement, open_respelled};
use tf_framework::{
    ApplyRequest, ApplyResponse, Attribute, Capabilities, Diagnostic, ImportRequest, Mode, Nesting, Number,
    PlanRequest, PlanResponse, ReadRequest, Server, Shape, Type, Value,
};

const TYPE: &str = "test_anything";

/// One object, the server that manages it, and what the core knows of it.
struct Case {
    server: Server,
    attributes: Vec<Attribute>,
    state: Value,
    private: Vec<u8>,
    identity: Option<Value>,
}

fn none(wrong: Vec<String>, what: &str) -> Result<(), TestCaseError> {
    if wrong.is_empty() { Ok(()) } else { Err(TestCaseError::fail(format!("{what}: {}", wrong.join("; ")))) }
}

fn quiet(diagnostics: &[Diagnostic], what: &str) -> Result<(), TestCaseError> {
    none(diagnostics.iter().map(ToString::to_string).collect(), what)
}

impl Case {
    fn new(c: &mut Choices) -> Self {
        let schema = choices::schema(c);
        let answers = Choices::new((0..64).map(|_| u8::try_from(c.pick(256)).unwrap_or(0)).collect());
        service::start(schema, answers, c.one_in(2));
        let server = Server::new::<Provider>();
        let attributes = server.schemas().resources[TYPE].schema.attributes.clone();
        Self { server, attributes, state: Value::Null, private: Vec::new(), identity: None }
    }

    async fn ask(&self, prior: &Value, config: &Value) -> PlanResponse {
        let request = PlanRequest {
            type_name: TYPE.to_owned(),
            prior_state: prior.clone(),
            proposed_new_state: core::proposed(&self.attributes, prior, config),
            config: config.clone(),
            prior_private: self.private.clone(),
            prior_identity: if prior.is_null() { None } else { self.identity.clone() },
            capabilities: Capabilities::default(),
        };
        self.server.plan_resource_change(request).await
    }

    /// A plan, checked as the core does.
    async fn plan(&self, prior: &Value, config: &Value) -> Result<PlanResponse, TestCaseError> {
        let plan = self.ask(prior, config).await;
        quiet(&plan.diagnostics, "diagnostics of a plan")?;
        none(core::plan_errors(&self.attributes, prior, config, &plan.planned_state), "invalid plan")?;
        for path in &plan.requires_replace {
            prop_assert!(!prior.is_null(), "a create replaces nothing");
            prop_assert_ne!(
                prior.at(path),
                plan.planned_state.at(path),
                "{} replaces without a change",
                path
            );
        }
        let again = self.ask(prior, config).await;
        prop_assert_eq!(&again.planned_state, &plan.planned_state, "a plan is the same twice");
        Ok(plan)
    }

    async fn request(&self, prior: &Value, planned: &PlanResponse, config: &Value) -> ApplyResponse {
        let request = ApplyRequest {
            type_name: TYPE.to_owned(),
            prior_state: prior.clone(),
            planned_state: planned.planned_state.clone(),
            config: config.clone(),
            planned_private: planned.planned_private.clone(),
            planned_identity: planned.planned_identity.clone(),
        };
        self.server.apply_resource_change(request).await
    }

    /// Plans with `unclear`, plans again and applies with `config`, as a run with values known only after apply does.
    async fn run(&mut self, unclear: &Value, config: &Value) -> Result<(), TestCaseError> {
        let mut prior = self.state.clone();
        let mut first = self.plan(&prior, unclear).await?;
        let mut changes = first.planned_state != prior;
        if !first.requires_replace.is_empty() {
            first = self.plan(&Value::Null, unclear).await?;
            self.destroy().await?;
            (prior, changes) = (Value::Null, true);
        }
        let last = self.plan(&prior, config).await?;
        open_respelled(&self.attributes, &mut first.planned_state, [&last.planned_state, &prior]);
        none(
            core::outcome_errors(&self.attributes, &first.planned_state, &last.planned_state),
            "final plan",
        )?;
        if last.planned_state == prior {
            return Ok(());
        }
        prop_assert!(changes, "a plan without changes has some in the end");
        if !hides_replacement(&self.attributes, unclear) {
            prop_assert_eq!(&last.requires_replace, &[], "an update turns into a replacement");
        }
        service::with(|service| service.told = None);
        let applied = self.request(&prior, &last, config).await;
        quiet(&applied.diagnostics, "diagnostics of an apply")?;
        none(
            core::outcome_errors(&self.attributes, &last.planned_state, &applied.new_state),
            "inconsistent result",
        )?;
        none(state_errors(&self.attributes, &applied.new_state), "state after apply")?;
        prop_assert!(applied.new_identity.is_some(), "an object has an identity");
        if let Some(told) = service::with(|service| service.told.clone()) {
            for attribute in self.attributes.iter().filter(|attribute| attribute.write_only) {
                prop_assert_eq!(told.attribute(&attribute.name), config.attribute(&attribute.name));
            }
        }
        (self.state, self.private, self.identity) =
            (applied.new_state, applied.private, applied.new_identity);
        Ok(())
    }

    /// Neither a plan nor a plan after a refresh has a change.
    async fn settled(&mut self, config: &Value) -> Result<(), TestCaseError> {
        self.same(config, "plan after apply").await?;
        let read = self.read().await;
        quiet(&read.diagnostics, "diagnostics of a refresh")?;
        prop_assert_eq!(&read.state, &self.state, "a refresh changes nothing");
        prop_assert_eq!(&read.identity, &self.identity);
        self.state = read.state;
        self.same(config, "plan after refresh").await
    }

    async fn same(&self, config: &Value, what: &str) -> Result<(), TestCaseError> {
        let plan = self.plan(&self.state, config).await?;
        prop_assert_eq!(&plan.planned_state, &self.state, "{} is empty", what);
        prop_assert_eq!(&plan.requires_replace, &[]);
        Ok(())
    }

    async fn read(&self) -> tf_framework::ReadResponse {
        let request = ReadRequest {
            type_name: TYPE.to_owned(),
            state: self.state.clone(),
            private: self.private.clone(),
            identity: self.identity.clone(),
            capabilities: Capabilities::default(),
        };
        self.server.read_resource(request).await
    }

    async fn destroy(&mut self) -> Result<(), TestCaseError> {
        let plan = self.plan(&self.state, &Value::Null).await?;
        prop_assert!(plan.planned_state.is_null());
        let applied = self.request(&self.state, &plan, &Value::Null).await;
        quiet(&applied.diagnostics, "diagnostics of a destroy")?;
        prop_assert!(applied.new_state.is_null());
        prop_assert!(service::with(|service| service.object.is_none()));
        (self.state, self.private, self.identity) = (Value::Null, Vec::new(), None);
        Ok(())
    }

    async fn import(&self) -> Result<Value, TestCaseError> {
        let request = ImportRequest {
            type_name: TYPE.to_owned(),
            id: "key".to_owned(),
            identity: None,
            capabilities: Capabilities::default(),
        };
        let imported = self.server.import_resource_state(request).await;
        quiet(&imported.diagnostics, "diagnostics of an import")?;
        prop_assert_eq!(imported.resources.len(), 1);
        prop_assert_eq!(&imported.resources[0].identity, &self.identity);
        Ok(imported.resources[0].state.clone())
    }
}

/// What no state may have: parts that are missing, not known, or of another type.
fn state_errors(attributes: &[Attribute], state: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let names: Vec<&String> = state.as_entries().map(|entries| entries.keys().collect()).unwrap_or_default();
    if names.len() != attributes.len() {
        wrong.push(format!("has {names:?}"));
    }
    for attribute in attributes {
        let value = state.attribute(&attribute.name);
        if !of_shape(&attribute.shape, value) {
            wrong.push(format!("{}: {value:?}", attribute.name));
        }
    }
    wrong
}

fn of_shape(shape: &Shape, value: &Value) -> bool {
    if value.is_null() {
        return true;
    }
    let all = |items: &[Value], attributes: &[Attribute]| {
        items.iter().all(|item| item.is_set() && state_errors(attributes, item).is_empty())
    };
    match (shape, value) {
        (Shape::Plain(ty), value) => of_type(ty, value),
        (Shape::Nested { nesting: Nesting::Single, attributes }, Value::Object(_)) => {
            state_errors(attributes, value).is_empty()
        }
        (Shape::Nested { nesting: Nesting::List, attributes }, Value::List(items))
        | (Shape::Nested { nesting: Nesting::Set, attributes }, Value::Set(items)) => all(items, attributes),
        (Shape::Nested { nesting: Nesting::Map, attributes }, Value::Map(items)) => {
            items.values().all(|item| item.is_set() && state_errors(attributes, item).is_empty())
        }
        _ => false,
    }
}

fn of_type(ty: &Type, value: &Value) -> bool {
    match (ty, value) {
        (Type::String, Value::String(_))
        | (Type::Number, Value::Number(_))
        | (Type::Bool, Value::Bool(_)) => true,
        (Type::List(inner), Value::List(items)) | (Type::Set(inner), Value::Set(items)) => {
            items.iter().all(|item| of_type(inner, item))
        }
        (Type::Map(inner), Value::Map(items)) => items.values().all(|item| of_type(inner, item)),
        (Type::Dynamic, Value::Dynamic(inner)) => of_type(&inner.ty, &inner.value),
        _ => false,
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

/// A whole life: create, change, import, destroy, with values that are known only after apply.
async fn life(mut c: Choices) -> Result<(), TestCaseError> {
    let mut case = Case::new(&mut c);
    let first = choices::config(&mut c, &case.attributes);
    let unclear = choices::obscured(&mut c, &case.attributes, &first);
    case.run(&unclear, &first).await?;
    case.settled(&first).await?;
    for _ in 0..2 {
        let next = choices::changed(&mut c, &case.attributes, &first);
        let unclear = choices::obscured(&mut c, &case.attributes, &next);
        case.run(&unclear, &next).await?;
        case.settled(&next).await?;
    }
    let imported = case.import().await?;
    none(state_errors(&case.attributes, &imported), "imported state")?;
    case.plan(&imported, &first).await?;
    // Service-side changes of what nobody configured are no differences.
    drift(&case.attributes);
    let read = case.read().await;
    quiet(&read.diagnostics, "diagnostics of a refresh")?;
    none(state_errors(&case.attributes, &read.state), "refreshed state")?;
    case.destroy().await
}

fn drift(attributes: &[Attribute]) {
    service::with(|service| {
        for attribute in attributes.iter().filter(|attribute| attribute.mode == Mode::Computed) {
            if let (Some(Value::Object(entries)), Shape::Plain(Type::Number)) =
                (&mut service.object, &attribute.shape)
            {
                entries.insert(attribute.name.clone(), Value::Number(Number::from(77_i64)));
            }
        }
    });
}

/// A create, an update and a delete, each with a fault.
async fn failing(mut c: Choices) -> Result<(), TestCaseError> {
    let faults = [Fault::Before, Fault::Middle, Fault::After, Fault::Reads, Fault::Stores];
    let mut case = Case::new(&mut c);
    let config = choices::config(&mut c, &case.attributes);
    let panics = c.one_in(3);
    service::with(|service| {
        service.fault = faults[c.pick(faults.len())];
        service.panics = panics;
    });
    let plan = case.plan(&Value::Null, &config).await?;
    let applied = case.request(&Value::Null, &plan, &config).await;
    check_failed(&case, &applied)?;
    let made = service::with(|service| service.object.is_some());
    prop_assert_eq!(!applied.new_state.is_null(), made, "the state has the object exactly when there is one");
    prop_assert_eq!(applied.new_identity.is_some(), made);

    service::with(|service| (service.fault, service.object) = (Fault::None, None));
    case.run(&config, &config).await?;
    let next = choices::changed(&mut c, &case.attributes, &config);
    let plan = case.plan(&case.state, &next).await?;
    if plan.planned_state != case.state && plan.requires_replace.is_empty() {
        let fault = faults[c.pick(faults.len())];
        service::with(|service| (service.fault, service.told) = (fault, None));
        let applied = case.request(&case.state, &plan, &next).await;
        check_failed(&case, &applied)?;
        prop_assert!(!applied.new_state.is_null(), "a failed update loses nothing");
        prop_assert_eq!(&applied.new_identity, &case.identity);
        case.state = applied.new_state;
    }

    let fault = faults[c.pick(3)];
    service::with(|service| service.fault = fault);
    let plan = case.ask(&case.state, &Value::Null).await;
    let applied = case.request(&case.state, &plan, &Value::Null).await;
    let errors = applied.diagnostics.iter().any(Diagnostic::is_error);
    let there = service::with(|service| service.object.is_some());
    prop_assert_eq!(
        applied.new_state.is_null(),
        !there,
        "the state has the object exactly when there is one"
    );
    prop_assert_eq!(errors, there);
    prop_assert!(!applied.diagnostics.is_empty());
    Ok(())
}

/// What holds after any failure: a state that can be stored, if any, and no secret in a message.
fn check_failed(case: &Case, applied: &ApplyResponse) -> Result<(), TestCaseError> {
    if !applied.new_state.is_null() {
        none(state_errors(&case.attributes, &applied.new_state), "state after a failure")?;
        none(
            core::outcome_errors(&case.attributes, &Value::Unknown, &applied.new_state),
            "state after a failure",
        )?;
    }
    let failed = applied.diagnostics.iter().any(Diagnostic::is_error);
    let fault = service::with(|service| service.fault);
    if matches!(fault, Fault::Before | Fault::Middle | Fault::After) {
        let called = service::with(|service| service.told.is_some()) || applied.new_state.is_null();
        prop_assert!(failed || !called, "{:?} is told", fault);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_life_breaks_no_rule(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        block_on(life(Choices::new(bytes)))?;
    }

    #[test]
    fn no_failure_loses_an_object_or_breaks_a_rule(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        block_on(failing(Choices::new(bytes)))?;
    }
}

/// Found by chance.
#[test]
fn a_list_that_is_known_late_and_means_what_the_state_has_breaks_no_other_rule() {
    let choices = vec![
        145, 61, 2, 86, 236, 110, 146, 3, 55, 5, 218, 0, 0, 35, 3, 0, 0, 0, 43, 0, 0, 0, 0, 11, 50, 0, 0, 0,
        0, 0, 0, 0, 61, 53, 32, 124, 57, 0, 91, 53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 8, 135, 51, 92, 0, 0, 0, 0, 126, 0, 0, 0, 0, 0, 0,
        0, 0, 3, 0, 9, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 146, 113, 40, 75, 0, 0, 102, 0, 54, 0, 55, 36,
    ];
    block_on(life(Choices::new(choices))).unwrap();
}
