//! What a provider's author writes: resources, data sources, functions, ephemeral resources and the provider itself.

use std::fmt::Display;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::diagnostics::{Diagnostics, Error, Result};
use crate::messages::FunctionError;
use crate::model::SchemaModel;
use crate::operation::Operation;
use crate::plan_hook::Plan;
use crate::registry::Registry;
use crate::schema::{FunctionSchema, IdentityAttribute, IdentitySchema};
use crate::types::Type;
use crate::value::Value;

/// A managed resource.
pub trait Resource: SchemaModel + Send + Sync + 'static {
    /// Context of the provider, one per operation.
    type Cx: Send + Sync + 'static;
    /// What import takes and messages print.
    type Id: FromStr<Err: Display> + Display + Clone + Send + Sync + 'static;

    /// Timeouts of create, read, update and delete when the user sets none.
    const TIMEOUTS: [Duration; 4] = [
        Duration::from_secs(1200),
        Duration::from_secs(300),
        Duration::from_secs(1200),
        Duration::from_secs(1200),
    ];

    /// The id of an object, from a state.
    fn id(&self) -> Self::Id;

    /// Attributes of the identity; by default the id as one string.
    fn identity_schema() -> IdentitySchema {
        IdentitySchema {
            version: 0,
            attributes: vec![IdentityAttribute {
                name: "id".to_owned(),
                ty: Type::String,
                required_for_import: true,
                description: "What `import` takes.".to_owned(),
            }],
        }
    }

    /// The identity of an object.
    fn identity(id: &Self::Id) -> Value {
        Value::object([("id", Value::String(id.to_string()))])
    }

    /// The id that an identity stands for.
    fn id_from_identity(identity: &Value) -> Result<Self::Id> {
        let text = identity.attribute("id").as_str().unwrap_or_default();
        text.parse().map_err(|error: <Self::Id as FromStr>::Err| {
            Error::new("Invalid import identity", format!("The identity {text:?} cannot be used: {error}."))
                .at("id")
        })
    }

    /// Rules over several arguments; anything may be not known yet.
    fn validate(_config: &Value, _out: &mut Diagnostics) {}

    /// Adjusts a plan; also asked before a destroy.
    fn plan(_cx: &Self::Cx, _plan: &mut Plan<'_, Self>) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Creates the object and returns its id.
    fn create(cx: &Self::Cx, want: &Self) -> impl Future<Output = Result<Self::Id>> + Send;

    /// Reads the object; nothing when it is gone. `prior` is missing during import.
    fn read(
        cx: &Self::Cx,
        id: &Self::Id,
        prior: Option<&Self>,
    ) -> impl Future<Output = Result<Option<Self>>> + Send;

    /// Changes the object.
    fn update(
        cx: &Self::Cx,
        id: &Self::Id,
        change: Change<'_, Self>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Deletes the object; one that is gone already is fine.
    fn delete(cx: &Self::Cx, id: &Self::Id, prior: &Self) -> impl Future<Output = Result<()>> + Send;

    /// Brings stored JSON of an older version to the current one.
    fn upgrade(version: i64, _json: serde_json::Value) -> Result<serde_json::Value> {
        Err(Error::new(
            "State cannot be upgraded",
            format!(
                "There is no way from version {version} of the stored state to version {}.",
                Self::VERSION
            ),
        ))
    }

    /// Takes over the state of another resource type; nothing when that type is not known.
    fn move_from(
        _provider: &str,
        _type_name: &str,
        _version: i64,
        _json: &serde_json::Value,
    ) -> Option<Result<Self>> {
        None
    }
}

/// What an update has to do.
#[derive(Debug)]
pub struct Change<'a, M> {
    /// The state before.
    pub prior: &'a M,
    /// What is wanted.
    pub want: &'a M,
}

impl<M> Clone for Change<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Change<'_, M> {}

impl<'a, M> Change<'a, M> {
    /// How an optional field changes.
    pub fn edit<T: PartialEq>(&self, field: impl Fn(&M) -> &Option<T>) -> Edit<&'a T> {
        match (field(self.prior), field(self.want)) {
            (before, after) if before == after => Edit::Keep,
            (_, Some(after)) => Edit::Set(after),
            (_, None) => Edit::Clear,
        }
    }

    /// Whether a field changes.
    pub fn changes<T: PartialEq + ?Sized>(&self, field: impl Fn(&M) -> &T) -> bool {
        field(self.prior) != field(self.want)
    }

    /// The wanted value of a field, if it changes.
    pub fn changed<T: PartialEq>(&self, field: impl Fn(&M) -> &T) -> Option<&'a T> {
        let after = field(self.want);
        (field(self.prior) != after).then_some(after)
    }
}

/// How one setting changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<T> {
    /// Stays.
    Keep,
    /// Gets a value.
    Set(T),
    /// Loses its value.
    Clear,
}

impl<T> Edit<T> {
    /// Applies a function to the value that is set.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Edit<U> {
        match self {
            Self::Keep => Edit::Keep,
            Self::Set(value) => Edit::Set(with(value)),
            Self::Clear => Edit::Clear,
        }
    }
}

/// A data source.
pub trait DataSource: SchemaModel + Send + Sync + 'static {
    /// Context of the provider.
    type Cx: Send + Sync + 'static;

    /// Rules over several arguments.
    fn validate(_config: &Value, _out: &mut Diagnostics) {}

    /// Reads it; `config` has `Computed` fields unset.
    fn read(cx: &Self::Cx, config: Self) -> impl Future<Output = Result<Self>> + Send;
}

/// A value that lives as long as one run.
pub trait Ephemeral: SchemaModel + Send + Sync + 'static {
    /// Context of the provider.
    type Cx: Send + Sync + 'static;

    /// Rules over several arguments.
    fn validate(_config: &Value, _out: &mut Diagnostics) {}

    /// Opens it.
    fn open(cx: &Self::Cx, config: Self) -> impl Future<Output = Result<Opened<Self>>> + Send;

    /// Renews it; returns when to renew again.
    fn renew(
        _cx: &Self::Cx,
        _private: &serde_json::Value,
    ) -> impl Future<Output = Result<Option<SystemTime>>> + Send {
        async { Ok(None) }
    }

    /// Closes it; must work twice.
    fn close(_cx: &Self::Cx, _private: &serde_json::Value) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

/// An open ephemeral resource.
#[derive(Debug)]
pub struct Opened<M> {
    /// What was opened.
    pub result: M,
    /// What renew and close need; may hold secrets, it is never stored.
    pub private: serde_json::Value,
    /// When to renew.
    pub renew_at: Option<SystemTime>,
}

/// A pure function.
pub trait Function: Send + Sync + 'static {
    /// Name, without the provider's.
    const NAME: &'static str;

    /// Its signature.
    fn schema() -> FunctionSchema;

    /// Computes the result; further arguments follow the positional ones.
    fn call(args: &[Value]) -> Result<Value, FunctionError>;
}

/// The provider.
pub trait ProviderDefinition: Send + Sync + 'static {
    /// The provider block.
    type Config: SchemaModel + Send;
    /// What configuring makes.
    type Client: Send + Sync + 'static;
    /// What every operation gets.
    type Cx: Send + Sync + 'static;

    /// Name of the provider: the prefix of every type name.
    const NAME: &'static str;

    /// Rules over several arguments.
    fn validate(_config: &Value, _out: &mut Diagnostics) {}

    /// Makes a client. The configuration may be incomplete during a plan: then `configure` is called with a
    /// value that has unknown parts only if [`ProviderDefinition::configure_partly`] accepts it.
    fn configure(config: Self::Config) -> Result<Self::Client>;

    /// Makes a client from a configuration with parts known only after apply; by default none, and using the
    /// service is an error until everything is known.
    fn configure_partly(_config: &Value) -> Result<Option<Self::Client>> {
        Ok(None)
    }

    /// What the user should know about a configuration that works; told once each time the provider is configured.
    fn notices(_client: &Self::Client, _out: &mut Diagnostics) {}

    /// The context of one operation; without a client when the provider is not configured.
    fn context(client: Option<Arc<Self::Client>>, operation: Operation) -> Self::Cx;

    /// Registers everything the provider offers.
    fn register(registry: &mut Registry<Self::Cx>);
}
