//! The calls about the provider block, data sources, functions and ephemeral resources.

use tf_framework::Diagnostic;

use super::Provider;
use crate::proto::tfplugin6 as wire;
use crate::wire::{capabilities, diagnostics, dynamic, timestamp, value};

impl Provider {
    pub(super) async fn validate_provider_config(
        &self,
        request: wire::validate_provider_config::Request,
    ) -> Result<wire::validate_provider_config::Response, Diagnostic> {
        let config = value(request.config.as_ref(), &self.server.schemas().provider.ty())?;
        let said = self.server.validate_provider_config(config).await;
        Ok(wire::validate_provider_config::Response { diagnostics: diagnostics(said) })
    }

    pub(super) async fn configure_provider(
        &self,
        request: wire::configure_provider::Request,
    ) -> Result<wire::configure_provider::Response, Diagnostic> {
        let config = value(request.config.as_ref(), &self.server.schemas().provider.ty())?;
        let capabilities = capabilities(request.client_capabilities);
        let said = self.server.configure(&request.terraform_version, config, capabilities).await;
        Ok(wire::configure_provider::Response { diagnostics: diagnostics(said) })
    }

    pub(super) async fn validate_data_resource_config(
        &self,
        request: wire::validate_data_resource_config::Request,
    ) -> Result<wire::validate_data_resource_config::Response, Diagnostic> {
        let config = value(request.config.as_ref(), &self.data_source(&request.type_name)?.ty())?;
        let said = self.server.validate_data_source_config(&request.type_name, config).await;
        Ok(wire::validate_data_resource_config::Response { diagnostics: diagnostics(said) })
    }

    pub(super) async fn read_data_source(
        &self,
        request: wire::read_data_source::Request,
    ) -> Result<wire::read_data_source::Response, Diagnostic> {
        let ty = self.data_source(&request.type_name)?.ty();
        let config = value(request.config.as_ref(), &ty)?;
        let answer = self.server.read_data_source(&request.type_name, config).await;
        Ok(wire::read_data_source::Response {
            state: dynamic(&answer.state, &ty)?,
            diagnostics: diagnostics(answer.diagnostics),
        })
    }

    /// A null argument arrives from OpenTofu as an empty value, which reads as null too.
    pub(super) async fn call_function(
        &self,
        request: wire::call_function::Request,
    ) -> Result<wire::call_function::Response, Diagnostic> {
        let Some(signature) = self.server.schemas().functions.get(&request.name) else {
            return Err(super::unsupported("function", &request.name));
        };
        let positional = signature.parameters.iter();
        let types = positional.chain(signature.variadic.iter().cycle()).map(|parameter| &parameter.ty);
        let mut arguments = Vec::new();
        for (sent, ty) in request.arguments.iter().zip(types) {
            match value(Some(sent), ty) {
                Ok(argument) => arguments.push(argument),
                Err(message) => {
                    let index = i64::try_from(arguments.len()).unwrap_or(i64::MAX);
                    return Ok(function_failed(message.detail, Some(index)));
                }
            }
        }
        if arguments.len() < request.arguments.len().max(signature.parameters.len()) {
            let (takes, given) = (signature.parameters.len(), request.arguments.len());
            let noun = if takes == 1 { "argument" } else { "arguments" };
            let text = format!("The function {:?} takes {takes} {noun}, not {given}.", request.name);
            return Ok(function_failed(text, None));
        }
        match self.server.call_function(&request.name, arguments).await {
            Ok(result) => Ok(wire::call_function::Response {
                result: dynamic(&result, &signature.returns)?,
                error: None,
            }),
            Err(error) => Ok(function_failed(error.text, error.argument)),
        }
    }

    pub(super) async fn validate_ephemeral_resource_config(
        &self,
        request: wire::validate_ephemeral_resource_config::Request,
    ) -> Result<wire::validate_ephemeral_resource_config::Response, Diagnostic> {
        let config = value(request.config.as_ref(), &self.ephemeral(&request.type_name)?.ty())?;
        let said = self.server.validate_ephemeral_config(&request.type_name, config).await;
        Ok(wire::validate_ephemeral_resource_config::Response { diagnostics: diagnostics(said) })
    }

    pub(super) async fn open_ephemeral_resource(
        &self,
        request: wire::open_ephemeral_resource::Request,
    ) -> Result<wire::open_ephemeral_resource::Response, Diagnostic> {
        let ty = self.ephemeral(&request.type_name)?.ty();
        let config = value(request.config.as_ref(), &ty)?;
        let answer = self.server.open_ephemeral(&request.type_name, config).await;
        Ok(wire::open_ephemeral_resource::Response {
            diagnostics: diagnostics(answer.diagnostics),
            renew_at: answer.renew_at.map(timestamp),
            result: dynamic(&answer.result, &ty)?,
            private: Some(answer.private),
        })
    }

    pub(super) async fn renew_ephemeral_resource(
        &self,
        request: wire::renew_ephemeral_resource::Request,
    ) -> Result<wire::renew_ephemeral_resource::Response, Diagnostic> {
        self.ephemeral(&request.type_name)?;
        let private = request.private.unwrap_or_default();
        let answer = self.server.renew_ephemeral(&request.type_name, private).await;
        Ok(wire::renew_ephemeral_resource::Response {
            diagnostics: diagnostics(answer.diagnostics),
            renew_at: answer.renew_at.map(timestamp),
            private: Some(answer.private),
        })
    }

    pub(super) async fn close_ephemeral_resource(
        &self,
        request: wire::close_ephemeral_resource::Request,
    ) -> Result<wire::close_ephemeral_resource::Response, Diagnostic> {
        self.ephemeral(&request.type_name)?;
        let private = request.private.unwrap_or_default();
        let said = self.server.close_ephemeral(&request.type_name, private).await;
        Ok(wire::close_ephemeral_resource::Response { diagnostics: diagnostics(said) })
    }
}

fn function_failed(text: String, argument: Option<i64>) -> wire::call_function::Response {
    // The CLIs write it as the end of a sentence of theirs.
    let text = text.trim_end_matches('.').to_owned();
    let error = wire::FunctionError { text, function_argument: argument };
    wire::call_function::Response { result: None, error: Some(error) }
}
