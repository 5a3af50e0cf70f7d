//! The server: one method per operation of the protocol, on values.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::activity::Activity;
use crate::diagnostics::{Diagnostic, Diagnostics, Error, Result};
use crate::erased::{AnyData, AnyEphemeral, AnyResource};
use crate::messages::{
    ApplyRequest, ApplyResponse, Capabilities, DataResponse, FunctionError, ImportRequest, ImportResponse,
    MoveRequest, MoveResponse, OpenResponse, PlanRequest, PlanResponse, ReadRequest, ReadResponse,
    RenewResponse, UpgradeIdentityResponse, UpgradeResponse,
};
use crate::model::SchemaModel;
use crate::operation::{Afterwards, Operation};
use crate::registry::{AnyCx, Call, Registry};
use crate::resource::ProviderDefinition;
use crate::schema::{ResourceSchema, Schemas};
use crate::value::Value;
use crate::{apply, import, other, plan, read, validate};

type AnyClient = Arc<dyn Any + Send + Sync>;
/// A client, unless the configuration is not complete yet, and warnings.
type Configure = fn(&Value) -> Result<(Option<AnyClient>, Diagnostics)>;

/// Serves one provider; clones share everything.
#[derive(Clone)]
pub struct Server {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub schemas: Schemas,
    pub resources: BTreeMap<String, Arc<dyn AnyResource>>,
    pub data_sources: BTreeMap<String, Arc<dyn AnyData>>,
    pub ephemerals: BTreeMap<String, Arc<dyn AnyEphemeral>>,
    pub functions: BTreeMap<String, Call>,
    configure: Configure,
    validate: fn(&Value, &mut Diagnostics),
    context: fn(Option<AnyClient>, Operation) -> AnyCx,
    client: ArcSwapOption<AnyClient>,
    /// Replaced at every stop, so that only the operations running then are cancelled.
    generation: ArcSwap<CancellationToken>,
    activity: Arc<Activity>,
}

/// What went wrong in an operation that panicked, without the text of the panic: it may hold secrets.
pub(crate) fn panicked() -> Diagnostic {
    Diagnostic::error(
        "Provider crashed",
        "The operation ended in an unexpected way. The log has details. This is a bug in the homelab provider.",
    )
}

impl Server {
    /// The server of a provider.
    pub fn new<P: ProviderDefinition>() -> Self {
        let mut registry = Registry::<P::Cx>::new(P::NAME);
        P::register(&mut registry);
        let mut schemas = Schemas { provider: P::Config::schema(), ..Schemas::default() };
        let (mut resources, mut data_sources) = (BTreeMap::new(), BTreeMap::new());
        let (mut ephemerals, mut functions) = (BTreeMap::new(), BTreeMap::new());
        for (name, (schema, adapter)) in registry.resources {
            schemas.resources.insert(name.clone(), schema);
            resources.insert(name, adapter);
        }
        for (name, (schema, adapter)) in registry.data_sources {
            schemas.data_sources.insert(name.clone(), schema);
            data_sources.insert(name, adapter);
        }
        for (name, (schema, adapter)) in registry.ephemerals {
            schemas.ephemerals.insert(name.clone(), schema);
            ephemerals.insert(name, adapter);
        }
        for (name, (schema, call)) in registry.functions {
            schemas.functions.insert(name.clone(), schema);
            functions.insert(name, call);
        }
        let inner = Inner {
            schemas,
            resources,
            data_sources,
            ephemerals,
            functions,
            configure: configure::<P>,
            validate: P::validate,
            context: context::<P>,
            client: ArcSwapOption::empty(),
            generation: ArcSwap::from_pointee(CancellationToken::new()),
            activity: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Everything the provider offers.
    pub fn schemas(&self) -> &Schemas {
        &self.inner.schemas
    }

    /// Runs one operation in a task of its own, so that a panic ends only this one.
    async fn guarded<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        failed: impl FnOnce(Diagnostic) -> T,
    ) -> T {
        let running = self.inner.activity.begin();
        let work = async move {
            let _running = running;
            work.await
        };
        // In the span of the call, so that what the operation logs says which call it belongs to.
        let task = tokio::spawn(work.in_current_span());
        task.await.unwrap_or_else(|_| failed(panicked()))
    }

    /// Checks the provider block.
    pub async fn validate_provider_config(&self, config: Value) -> Vec<Diagnostic> {
        let inner = self.inner.clone();
        let work = async move {
            let mut out = Diagnostics::new();
            validate::config(&inner.schemas.provider, &config, true, &mut out);
            (inner.validate)(&config, &mut out);
            out.into_vec()
        };
        self.guarded(work, |bug| vec![bug]).await
    }

    /// Configures the provider; may be called again and replaces what was there.
    pub async fn configure(&self, _cli_version: &str, config: Value, _caps: Capabilities) -> Vec<Diagnostic> {
        let inner = self.inner.clone();
        let work = async move {
            match (inner.configure)(&config) {
                Ok((client, notices)) => {
                    inner.client.store(client.map(Arc::new));
                    notices.into_vec()
                }
                Err(Error(diagnostics)) => diagnostics,
            }
        };
        self.guarded(work, |bug| vec![bug]).await
    }

    /// Checks the configuration of a resource.
    pub async fn validate_resource_config(
        &self,
        type_name: &str,
        config: Value,
        caps: Capabilities,
    ) -> Vec<Diagnostic> {
        let (inner, type_name) = (self.inner.clone(), type_name.to_owned());
        let work = async move { validate::resource(&inner, &type_name, &config, caps) };
        self.guarded(work, |bug| vec![bug]).await
    }

    /// Checks the configuration of a data source.
    pub async fn validate_data_source_config(&self, type_name: &str, config: Value) -> Vec<Diagnostic> {
        let (inner, type_name) = (self.inner.clone(), type_name.to_owned());
        let work = async move { validate::data_source(&inner, &type_name, &config) };
        self.guarded(work, |bug| vec![bug]).await
    }

    /// Checks the configuration of an ephemeral resource.
    pub async fn validate_ephemeral_config(&self, type_name: &str, config: Value) -> Vec<Diagnostic> {
        let (inner, type_name) = (self.inner.clone(), type_name.to_owned());
        let work = async move { validate::ephemeral(&inner, &type_name, &config) };
        self.guarded(work, |bug| vec![bug]).await
    }

    /// Brings stored state to the current schema version.
    pub async fn upgrade_resource_state(
        &self,
        type_name: &str,
        version: i64,
        raw: serde_json::Value,
    ) -> UpgradeResponse {
        let (inner, type_name) = (self.inner.clone(), type_name.to_owned());
        let work = async move { read::upgrade(&inner, &type_name, version, raw) };
        self.guarded(work, |bug| UpgradeResponse { state: Value::Null, diagnostics: vec![bug] }).await
    }

    /// Brings a stored identity to the current version.
    pub async fn upgrade_resource_identity(
        &self,
        type_name: &str,
        version: i64,
        raw: serde_json::Value,
    ) -> UpgradeIdentityResponse {
        let (inner, type_name) = (self.inner.clone(), type_name.to_owned());
        let work = async move { import::upgrade_identity(&inner, &type_name, version, &raw) };
        self.guarded(work, |bug| UpgradeIdentityResponse { identity: Value::Null, diagnostics: vec![bug] })
            .await
    }

    /// Refreshes a resource.
    pub async fn read_resource(&self, r: ReadRequest) -> ReadResponse {
        let (inner, kept) = (self.inner.clone(), r.clone());
        self.guarded(async move { read::resource(&inner, r).await }, move |bug| ReadResponse {
            state: kept.state,
            private: kept.private,
            identity: kept.identity,
            diagnostics: vec![bug],
        })
        .await
    }

    /// Plans a change.
    pub async fn plan_resource_change(&self, r: PlanRequest) -> PlanResponse {
        let (inner, kept) = (self.inner.clone(), r.clone());
        self.guarded(async move { plan::resource(&inner, r).await }, move |bug| PlanResponse {
            planned_state: kept.proposed_new_state,
            requires_replace: Vec::new(),
            planned_private: kept.prior_private,
            planned_identity: kept.prior_identity,
            diagnostics: vec![bug],
        })
        .await
    }

    /// Applies a planned change.
    pub async fn apply_resource_change(&self, r: ApplyRequest) -> ApplyResponse {
        let (inner, kept) = (self.inner.clone(), r.clone());
        self.guarded(async move { apply::resource(&inner, r).await }, move |bug| ApplyResponse {
            new_state: kept.prior_state,
            private: kept.planned_private,
            new_identity: kept.planned_identity,
            diagnostics: vec![bug],
        })
        .await
    }

    /// Imports an object.
    pub async fn import_resource_state(&self, r: ImportRequest) -> ImportResponse {
        let inner = self.inner.clone();
        let failed = |bug| ImportResponse { resources: Vec::new(), diagnostics: vec![bug] };
        self.guarded(async move { import::resource(&inner, r).await }, failed).await
    }

    /// Takes over the state of another resource type.
    pub async fn move_resource_state(&self, r: MoveRequest) -> MoveResponse {
        let inner = self.inner.clone();
        let failed = |bug| MoveResponse {
            state: Value::Null,
            private: Vec::new(),
            identity: None,
            diagnostics: vec![bug],
        };
        self.guarded(async move { import::move_state(&inner, &r) }, failed).await
    }

    /// Reads a data source.
    pub async fn read_data_source(&self, type_name: &str, config: Value) -> DataResponse {
        let (inner, type_name) = (self.inner.clone(), type_name.to_owned());
        let failed = |bug| DataResponse { state: Value::Null, diagnostics: vec![bug] };
        self.guarded(async move { other::read_data(&inner, &type_name, config).await }, failed).await
    }

    /// Calls a function.
    pub async fn call_function(&self, name: &str, args: Vec<Value>) -> Result<Value, FunctionError> {
        let (inner, name) = (self.inner.clone(), name.to_owned());
        let failed = |bug: Diagnostic| Err(FunctionError::new(bug.detail));
        self.guarded(async move { other::call(&inner, &name, &args) }, failed).await
    }

    /// Opens an ephemeral resource.
    pub async fn open_ephemeral(&self, type_name: &str, config: Value) -> OpenResponse {
        let (inner, type_name) = (self.inner.clone(), type_name.to_owned());
        let failed = |bug| OpenResponse {
            result: Value::Null,
            private: Vec::new(),
            renew_at: None,
            diagnostics: vec![bug],
        };
        self.guarded(async move { other::open(&inner, &type_name, config).await }, failed).await
    }

    /// Renews an ephemeral resource.
    pub async fn renew_ephemeral(&self, type_name: &str, private: Vec<u8>) -> RenewResponse {
        let (inner, type_name, kept) = (self.inner.clone(), type_name.to_owned(), private.clone());
        let failed = |bug| RenewResponse { private: kept, renew_at: None, diagnostics: vec![bug] };
        self.guarded(async move { other::renew(&inner, &type_name, private).await }, failed).await
    }

    /// Closes an ephemeral resource.
    pub async fn close_ephemeral(&self, type_name: &str, private: Vec<u8>) -> Vec<Diagnostic> {
        let (inner, type_name) = (self.inner.clone(), type_name.to_owned());
        self.guarded(async move { other::close(&inner, &type_name, &private).await }, |bug| vec![bug]).await
    }

    /// Cancels the operations running now; later ones work.
    pub fn stop(&self) {
        self.inner.generation.swap(Arc::new(CancellationToken::new())).cancel();
    }

    /// The CLI has every answer: what was left to do afterwards is done at once.
    pub fn answers_arrived(&self) {
        self.inner.activity.answers_arrived();
    }

    /// Answers may not have arrived: what was left to do afterwards stays undone, for a later read to notice.
    pub fn answers_lost(&self) {
        self.inner.activity.answers_lost();
    }

    /// Resolves when no operation runs.
    pub async fn idle(&self) {
        self.inner.activity.idle().await;
    }
}

impl Inner {
    /// A new operation that ends after `timeout` or when the user stops the run.
    pub fn operation(&self, timeout: Duration, private: &[u8]) -> Operation {
        Operation::new(timeout, &self.generation.load(), private)
    }

    /// Does what operations left to do, once their answers have arrived.
    pub fn afterwards(&self, work: Afterwards) {
        self.activity.afterwards(work);
    }

    /// The provider's context for an operation.
    pub fn context(&self, operation: &Operation) -> AnyCx {
        let client = self.client.load_full().map(|client| AnyClient::clone(&client));
        (self.context)(client, operation.clone())
    }

    /// The schema and code of a resource type.
    pub fn resource(&self, type_name: &str) -> Result<(&ResourceSchema, Arc<dyn AnyResource>), Diagnostic> {
        match (self.schemas.resources.get(type_name), self.resources.get(type_name)) {
            (Some(schema), Some(resource)) => Ok((schema, resource.clone())),
            _ => Err(no_such("resource type", type_name)),
        }
    }
}

/// The message for a type or function that the provider does not have.
pub(crate) fn no_such(kind: &str, name: &str) -> Diagnostic {
    Diagnostic::error("Unsupported type", format!("This version of the provider has no {kind} {name:?}."))
}

fn configure<P: ProviderDefinition>(config: &Value) -> Result<(Option<AnyClient>, Diagnostics)> {
    let client = if config.is_fully_known() && !config.is_null() {
        Some(P::configure(P::Config::decode(config)?)?)
    } else {
        P::configure_partly(config)?
    };
    let mut notices = Diagnostics::new();
    if let Some(client) = &client {
        P::notices(client, &mut notices);
    }
    Ok((client.map(|client| Arc::new(client) as AnyClient), notices))
}

fn context<P: ProviderDefinition>(client: Option<AnyClient>, operation: Operation) -> AnyCx {
    let client = client.and_then(|client| client.downcast::<P::Client>().ok());
    Arc::new(P::context(client, operation))
}
