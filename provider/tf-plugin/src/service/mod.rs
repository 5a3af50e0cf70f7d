//! The provider service: one call of the wire is one operation of the framework.

mod answer;
mod other;
mod resource;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use answer::Answer;
use futures_util::FutureExt;
use tf_framework::{Diagnostic, ResourceSchema, Schema, Server, Type};
use tonic::{Request, Response, Status};
use tracing::Instrument;

use crate::proto::tfplugin6 as wire;
use crate::schema;

/// Serves the framework's server.
pub(crate) struct Provider {
    server: Server,
}

/// Numbers the calls of this process, for the log.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Runs one call: a message or a panic inside it becomes an answer, and the log gets a line at its begin and end.
async fn call<A: Answer>(
    name: &'static str,
    type_name: &str,
    work: impl Future<Output = Result<A, Diagnostic>>,
) -> Result<Response<A>, Status> {
    let number = CALLS.fetch_add(1, Ordering::Relaxed);
    let id = format_args!("{}-{number}", std::process::id()).to_string();
    let span =
        tracing::info_span!("call", tf_rpc = name, tf_req_id = id, tf_resource_type = tracing::field::Empty,);
    if !type_name.is_empty() {
        span.record("tf_resource_type", type_name);
    }
    let work = async {
        let started = Instant::now();
        tracing::trace!("received request");
        let answer = AssertUnwindSafe(work).catch_unwind().await;
        let tf_req_duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(tf_req_duration_ms, "served request");
        answer.unwrap_or_else(|_| Err(panicked())).unwrap_or_else(A::refused)
    };
    Ok(Response::new(work.instrument(span).await))
}

/// The text of the panic is only in the log: a user cannot act on it, and it may hold anything.
fn panicked() -> Diagnostic {
    Diagnostic::error(
        "Provider crashed",
        "The call ended in an unexpected way. Run it again with TF_LOG_PROVIDER=error and report what it prints. This is a bug in the homelab provider.",
    )
}

fn unsupported(kind: &str, name: &str) -> Diagnostic {
    Diagnostic::error("Unsupported type", format!("This version of the provider has no {kind} {name:?}."))
}

impl Provider {
    pub(crate) fn new(server: Server) -> Self {
        Self { server }
    }

    fn resource(&self, type_name: &str) -> Result<&ResourceSchema, Diagnostic> {
        let schemas = self.server.schemas();
        schemas.resources.get(type_name).ok_or_else(|| unsupported("resource type", type_name))
    }

    /// The types of a resource's state and identity.
    fn types(&self, type_name: &str) -> Result<(Type, Option<Type>), Diagnostic> {
        let resource = self.resource(type_name)?;
        Ok((resource.schema.ty(), resource.identity.as_ref().map(tf_framework::IdentitySchema::ty)))
    }

    fn data_source(&self, type_name: &str) -> Result<&Schema, Diagnostic> {
        let schemas = self.server.schemas();
        schemas.data_sources.get(type_name).ok_or_else(|| unsupported("data source", type_name))
    }

    fn ephemeral(&self, type_name: &str) -> Result<&Schema, Diagnostic> {
        let schemas = self.server.schemas();
        schemas.ephemerals.get(type_name).ok_or_else(|| unsupported("ephemeral resource type", type_name))
    }
}

/// Maps each method of the wire to the method of the same name here; the ones with a type name say so.
macro_rules! provider {
    (
        plain { $($plain:ident $plain_module:ident $plain_name:literal)+ }
        typed { $($typed:ident $typed_module:ident $type_name:ident $typed_name:literal)+ }
    ) => {
        #[tonic::async_trait]
        impl wire::provider_server::Provider for Provider {
            $(async fn $plain(
                &self,
                request: Request<wire::$plain_module::Request>,
            ) -> Result<Response<wire::$plain_module::Response>, Status> {
                call($plain_name, "", self.$plain(request.into_inner())).await
            })+
            $(async fn $typed(
                &self,
                request: Request<wire::$typed_module::Request>,
            ) -> Result<Response<wire::$typed_module::Response>, Status> {
                let request = request.into_inner();
                let type_name = request.$type_name.clone();
                call($typed_name, &type_name, self.$typed(request)).await
            })+
        }
    };
}

provider! {
    plain {
        get_metadata get_metadata "GetMetadata"
        get_provider_schema get_provider_schema "GetProviderSchema"
        get_resource_identity_schemas get_resource_identity_schemas "GetResourceIdentitySchemas"
        validate_provider_config validate_provider_config "ValidateProviderConfig"
        configure_provider configure_provider "ConfigureProvider"
        get_functions get_functions "GetFunctions"
        call_function call_function "CallFunction"
        stop_provider stop_provider "StopProvider"
    }
    typed {
        validate_resource_config validate_resource_config type_name "ValidateResourceConfig"
        validate_data_resource_config validate_data_resource_config type_name "ValidateDataResourceConfig"
        validate_ephemeral_resource_config validate_ephemeral_resource_config type_name "ValidateEphemeralResourceConfig"
        upgrade_resource_state upgrade_resource_state type_name "UpgradeResourceState"
        upgrade_resource_identity upgrade_resource_identity type_name "UpgradeResourceIdentity"
        read_resource read_resource type_name "ReadResource"
        plan_resource_change plan_resource_change type_name "PlanResourceChange"
        apply_resource_change apply_resource_change type_name "ApplyResourceChange"
        import_resource_state import_resource_state type_name "ImportResourceState"
        move_resource_state move_resource_state target_type_name "MoveResourceState"
        read_data_source read_data_source type_name "ReadDataSource"
        open_ephemeral_resource open_ephemeral_resource type_name "OpenEphemeralResource"
        renew_ephemeral_resource renew_ephemeral_resource type_name "RenewEphemeralResource"
        close_ephemeral_resource close_ephemeral_resource type_name "CloseEphemeralResource"
    }
}

impl Provider {
    async fn get_metadata(
        &self,
        _request: wire::get_metadata::Request,
    ) -> Result<wire::get_metadata::Response, Diagnostic> {
        Ok(schema::metadata(self.server.schemas()))
    }

    async fn get_provider_schema(
        &self,
        _request: wire::get_provider_schema::Request,
    ) -> Result<wire::get_provider_schema::Response, Diagnostic> {
        Ok(schema::provider(self.server.schemas()))
    }

    async fn get_resource_identity_schemas(
        &self,
        _request: wire::get_resource_identity_schemas::Request,
    ) -> Result<wire::get_resource_identity_schemas::Response, Diagnostic> {
        Ok(schema::identities(self.server.schemas()))
    }

    async fn get_functions(
        &self,
        _request: wire::get_functions::Request,
    ) -> Result<wire::get_functions::Response, Diagnostic> {
        let functions = schema::functions(self.server.schemas());
        Ok(wire::get_functions::Response { functions, diagnostics: Vec::new() })
    }

    async fn stop_provider(
        &self,
        _request: wire::stop_provider::Request,
    ) -> Result<wire::stop_provider::Response, Diagnostic> {
        self.server.stop();
        Ok(wire::stop_provider::Response::default())
    }
}
