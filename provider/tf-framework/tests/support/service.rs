//! A provider with one resource of any schema, on a service that is honest but has habits of its own, and fails when
//! told to. Everything lives in the thread, one case at a time.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tf_framework::prelude::*;
use tf_framework::{Attribute, Mode, Nesting, Schema, Shape, Value};

use super::choices::{self, Choices};

thread_local! {
    static SCHEMA: RefCell<Vec<Attribute>> = const { RefCell::new(Vec::new()) };
    static SERVICE: RefCell<Service> = RefCell::new(Service::default());
}

/// Where the service fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nowhere.
    #[default]
    None,
    /// Before anything is done.
    Before,
    /// When it is half done, and what is done was noted.
    Middle,
    /// When it is done.
    After,
    /// In every read.
    Reads,
    /// It stores something else than it is told.
    Stores,
}

/// The service: one object at most.
#[derive(Default)]
pub struct Service {
    /// What is stored.
    pub object: Option<Value>,
    /// What the last create or update was told.
    pub told: Option<Value>,
    /// Where it fails.
    pub fault: Fault,
    /// Fails by a panic.
    pub panics: bool,
    /// Answers in capital letters, decomposed accents and reversed order.
    pub foreign_spelling: bool,
    choices: Option<Choices>,
}

/// Sets the schema of the resource and starts an empty service.
pub fn start(schema: Vec<Attribute>, choices: Choices, foreign_spelling: bool) {
    SCHEMA.set(schema);
    SERVICE.set(Service { choices: Some(choices), foreign_spelling, ..Service::default() });
}

/// Looks at the service, or changes it.
pub fn with<T>(look: impl FnOnce(&mut Service) -> T) -> T {
    SERVICE.with_borrow_mut(look)
}

impl Service {
    fn fails(&self, fault: Fault) -> Result<()> {
        if self.fault != fault {
            return Ok(());
        }
        assert!(!self.panics, "the service was told to panic");
        Err(Error::new("Service failed", format!("The service was told to fail: {fault:?}.")))
    }

    /// Stores what is wanted, and makes up what is left to the service.
    fn store(&mut self, want: &Value) {
        self.told = Some(want.clone());
        let mut choices = self.choices.take().unwrap_or_else(|| Choices::new(Vec::new()));
        let attributes = SCHEMA.with_borrow(Clone::clone);
        let mut stored = want.clone();
        made_up(&mut choices, &attributes, &mut stored);
        if self.fault == Fault::Stores {
            spoil(&attributes, &mut stored);
        }
        self.object = Some(stored);
        self.choices = Some(choices);
    }

    fn answer(&self) -> Option<Value> {
        let object = self.object.clone()?;
        Some(if self.foreign_spelling {
            respelled_object(&SCHEMA.with_borrow(Clone::clone), &object)
        } else {
            object
        })
    }
}

fn objects(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::List(items) | Value::Set(items) => items.iter_mut().collect(),
        Value::Map(items) => items.values_mut().collect(),
        Value::Object(_) => vec![value],
        _ => Vec::new(),
    }
}

fn made_up(c: &mut Choices, attributes: &[Attribute], object: &mut Value) {
    let Value::Object(entries) = object else { return };
    for attribute in attributes {
        let Some(value) = entries.get_mut(&attribute.name) else { continue };
        if attribute.write_only || attribute.create_only {
            *value = Value::Null;
        } else if value.is_unknown() {
            *value = if c.one_in(4) { Value::Null } else { choices::value(c, attribute) };
        } else if let Some((_, inner)) = attribute.nested() {
            objects(value).into_iter().for_each(|item| made_up(c, inner, item));
        }
    }
}

/// Changes the first configured text.
fn spoil(attributes: &[Attribute], object: &mut Value) {
    let Value::Object(entries) = object else { return };
    for attribute in attributes.iter().filter(|a| a.name != "key" && a.mode != Mode::Computed) {
        if let Some(value @ Value::String(_)) = entries.get_mut(&attribute.name) {
            *value = Value::from("spoilt");
            return;
        }
    }
}

fn respelled_object(attributes: &[Attribute], object: &Value) -> Value {
    let Value::Object(entries) = object else { return object.clone() };
    let respell = |attribute: &Attribute| {
        let value = entries.get(&attribute.name).unwrap_or(&Value::Null);
        (attribute.name.clone(), respelled(attribute, value))
    };
    Value::object(attributes.iter().map(respell))
}

fn respelled(attribute: &Attribute, value: &Value) -> Value {
    match &attribute.shape {
        Shape::Plain(_) => spelling(value, attribute.canonical.is_some()),
        Shape::Nested { nesting, attributes } => match (nesting, value) {
            (Nesting::Set, Value::Set(items)) => {
                Value::Set(items.iter().rev().map(|item| respelled_object(attributes, item)).collect())
            }
            (_, Value::List(items)) => {
                Value::List(items.iter().map(|item| respelled_object(attributes, item)).collect())
            }
            (_, Value::Map(items)) => {
                let respell =
                    |(key, item): (&String, &Value)| (key.clone(), respelled_object(attributes, item));
                Value::Map(items.iter().map(respell).collect())
            }
            _ => respelled_object(attributes, value),
        },
    }
}

fn spelling(value: &Value, any_case: bool) -> Value {
    match value {
        Value::String(text) => {
            let text = if any_case { text.to_uppercase() } else { text.clone() };
            Value::String(text.replace('\u{e9}', "e\u{301}").replace('\u{c9}', "E\u{301}"))
        }
        Value::List(items) => Value::List(items.iter().map(|item| spelling(item, any_case)).collect()),
        Value::Set(items) => {
            let mut distinct: Vec<Value> = Vec::new();
            for item in items.iter().rev().map(|item| spelling(item, any_case)) {
                if !distinct.contains(&item) {
                    distinct.push(item);
                }
            }
            Value::Set(distinct)
        }
        Value::Map(items) => {
            Value::Map(items.iter().map(|(key, item)| (key.clone(), spelling(item, any_case))).collect())
        }
        other => other.clone(),
    }
}

/// A state of the resource, whatever its schema.
pub struct Anything(Value);

impl ObjectModel for Anything {
    fn attributes() -> Vec<Attribute> {
        SCHEMA.with_borrow(Clone::clone)
    }

    fn decode_object(value: &Value, _path: &Path) -> Result<Self, Diagnostic> {
        let mut entries = value.as_entries().cloned().unwrap_or_else(BTreeMap::new);
        entries.remove("timeouts");
        Ok(Self(Value::Object(entries)))
    }

    fn encode_object(&self) -> Value {
        self.0.clone()
    }
}

impl SchemaModel for Anything {
    const NAME: &'static str = "anything";
    const VERSION: i64 = 0;
    const DESCRIPTION: &'static str = "Anything.";
    const DEPRECATED: Option<&'static str> = None;
}

/// The context of an operation.
pub struct Cx(Operation);

impl Resource for Anything {
    type Cx = Cx;
    type Id = String;

    fn id(&self) -> String {
        self.0.attribute("key").as_str().unwrap_or_default().to_owned()
    }

    async fn create(cx: &Cx, want: &Self) -> Result<String> {
        with(|service| {
            service.fails(Fault::Before)?;
            service.store(&want.0);
            cx.0.created(&want.id());
            service.fails(Fault::Middle)?;
            service.fails(Fault::After)?;
            Ok(want.id())
        })
    }

    async fn read(_cx: &Cx, _id: &String, _prior: Option<&Self>) -> Result<Option<Self>> {
        with(|service| {
            service.fails(Fault::Reads)?;
            Ok(service.answer().map(Self))
        })
    }

    async fn update(_cx: &Cx, _id: &String, change: Change<'_, Self>) -> Result<()> {
        with(|service| {
            service.fails(Fault::Before)?;
            service.store(&change.want.0);
            service.fails(Fault::Middle)?;
            service.fails(Fault::After)
        })
    }

    async fn delete(_cx: &Cx, _id: &String, _prior: &Self) -> Result<()> {
        with(|service| {
            service.fails(Fault::Before)?;
            service.fails(Fault::Middle)?;
            service.object = None;
            service.fails(Fault::After)
        })
    }
}

/// The provider block.
pub struct NoConfig;

impl ObjectModel for NoConfig {
    fn attributes() -> Vec<Attribute> {
        Vec::new()
    }

    fn decode_object(_value: &Value, _path: &Path) -> Result<Self, Diagnostic> {
        Ok(Self)
    }

    fn encode_object(&self) -> Value {
        Value::Object(BTreeMap::new())
    }
}

impl SchemaModel for NoConfig {
    const NAME: &'static str = "test";
    const VERSION: i64 = 0;
    const DESCRIPTION: &'static str = "Nothing.";
    const DEPRECATED: Option<&'static str> = None;

    fn schema() -> Schema {
        Schema::default()
    }
}

/// The provider.
pub struct Provider;

impl ProviderDefinition for Provider {
    type Config = NoConfig;
    type Client = ();
    type Cx = Cx;
    const NAME: &'static str = "test";

    fn configure(_config: NoConfig) -> Result<()> {
        Ok(())
    }

    fn context(_client: Option<std::sync::Arc<()>>, operation: Operation) -> Cx {
        Cx(operation)
    }

    fn register(registry: &mut Registry<Cx>) {
        registry.resource::<Anything>();
    }
}
