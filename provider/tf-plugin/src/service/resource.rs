//! The calls about managed resources.

use tf_framework::{ApplyRequest, Diagnostic, ImportRequest, MoveRequest, PlanRequest, ReadRequest};

use super::Provider;
use crate::proto::tfplugin6 as wire;
use crate::wire::{
    capabilities, diagnostic, diagnostics, dynamic, identity, identity_data, path, raw_state, value,
};

impl Provider {
    pub(super) async fn validate_resource_config(
        &self,
        request: wire::validate_resource_config::Request,
    ) -> Result<wire::validate_resource_config::Response, Diagnostic> {
        let (ty, _) = self.types(&request.type_name)?;
        let config = value(request.config.as_ref(), &ty)?;
        let capabilities = capabilities(request.client_capabilities);
        let said = self.server.validate_resource_config(&request.type_name, config, capabilities).await;
        Ok(wire::validate_resource_config::Response { diagnostics: diagnostics(said) })
    }

    pub(super) async fn upgrade_resource_state(
        &self,
        request: wire::upgrade_resource_state::Request,
    ) -> Result<wire::upgrade_resource_state::Response, Diagnostic> {
        let (ty, _) = self.types(&request.type_name)?;
        let raw = raw_state(request.raw_state.as_ref())?;
        let answer = self.server.upgrade_resource_state(&request.type_name, request.version, raw).await;
        Ok(wire::upgrade_resource_state::Response {
            upgraded_state: dynamic(&answer.state, &ty)?,
            diagnostics: diagnostics(answer.diagnostics),
        })
    }

    pub(super) async fn upgrade_resource_identity(
        &self,
        request: wire::upgrade_resource_identity::Request,
    ) -> Result<wire::upgrade_resource_identity::Response, Diagnostic> {
        let (_, ty) = self.types(&request.type_name)?;
        let raw = raw_state(request.raw_identity.as_ref())?;
        let answer = self.server.upgrade_resource_identity(&request.type_name, request.version, raw).await;
        Ok(wire::upgrade_resource_identity::Response {
            upgraded_identity: identity_data(Some(&answer.identity), ty.as_ref())?,
            diagnostics: diagnostics(answer.diagnostics),
        })
    }

    /// An answer without state, private data or identity would erase them, so a refusal gives back what was sent.
    pub(super) async fn read_resource(
        &self,
        request: wire::read_resource::Request,
    ) -> Result<wire::read_resource::Response, Diagnostic> {
        let kept = wire::read_resource::Response {
            new_state: request.current_state.clone(),
            private: request.private.clone(),
            new_identity: request.current_identity.clone(),
            diagnostics: Vec::new(),
        };
        Ok(self.read(request).await.unwrap_or_else(|message| wire::read_resource::Response {
            diagnostics: vec![diagnostic(message)],
            ..kept
        }))
    }

    async fn read(
        &self,
        request: wire::read_resource::Request,
    ) -> Result<wire::read_resource::Response, Diagnostic> {
        let (ty, identity_ty) = self.types(&request.type_name)?;
        let answer = self
            .server
            .read_resource(ReadRequest {
                state: value(request.current_state.as_ref(), &ty)?,
                private: request.private,
                identity: identity(request.current_identity.as_ref(), identity_ty.as_ref())?,
                capabilities: capabilities(request.client_capabilities),
                type_name: request.type_name,
            })
            .await;
        Ok(wire::read_resource::Response {
            new_state: dynamic(&answer.state, &ty)?,
            private: answer.private,
            new_identity: identity_data(answer.identity.as_ref(), identity_ty.as_ref())?,
            diagnostics: diagnostics(answer.diagnostics),
        })
    }

    pub(super) async fn plan_resource_change(
        &self,
        request: wire::plan_resource_change::Request,
    ) -> Result<wire::plan_resource_change::Response, Diagnostic> {
        let (ty, identity_ty) = self.types(&request.type_name)?;
        let answer = self
            .server
            .plan_resource_change(PlanRequest {
                prior_state: value(request.prior_state.as_ref(), &ty)?,
                proposed_new_state: value(request.proposed_new_state.as_ref(), &ty)?,
                config: value(request.config.as_ref(), &ty)?,
                prior_private: request.prior_private,
                prior_identity: identity(request.prior_identity.as_ref(), identity_ty.as_ref())?,
                capabilities: capabilities(request.client_capabilities),
                type_name: request.type_name,
            })
            .await;
        Ok(wire::plan_resource_change::Response {
            planned_state: dynamic(&answer.planned_state, &ty)?,
            requires_replace: answer.requires_replace.iter().map(path).collect(),
            planned_private: answer.planned_private,
            diagnostics: diagnostics(answer.diagnostics),
            legacy_type_system: false,
            planned_identity: identity_data(answer.planned_identity.as_ref(), identity_ty.as_ref())?,
        })
    }

    /// A refusal gives back the state before: nothing was done, or a bug made a state that cannot be written.
    pub(super) async fn apply_resource_change(
        &self,
        request: wire::apply_resource_change::Request,
    ) -> Result<wire::apply_resource_change::Response, Diagnostic> {
        let kept = wire::apply_resource_change::Response {
            new_state: request.prior_state.clone(),
            private: request.planned_private.clone(),
            new_identity: request.planned_identity.clone(),
            ..Default::default()
        };
        Ok(self.apply(request).await.unwrap_or_else(|message| wire::apply_resource_change::Response {
            diagnostics: vec![diagnostic(message)],
            ..kept
        }))
    }

    async fn apply(
        &self,
        request: wire::apply_resource_change::Request,
    ) -> Result<wire::apply_resource_change::Response, Diagnostic> {
        let (ty, identity_ty) = self.types(&request.type_name)?;
        let answer = self
            .server
            .apply_resource_change(ApplyRequest {
                prior_state: value(request.prior_state.as_ref(), &ty)?,
                planned_state: value(request.planned_state.as_ref(), &ty)?,
                config: value(request.config.as_ref(), &ty)?,
                planned_private: request.planned_private,
                planned_identity: identity(request.planned_identity.as_ref(), identity_ty.as_ref())?,
                type_name: request.type_name,
            })
            .await;
        Ok(wire::apply_resource_change::Response {
            new_state: dynamic(&answer.new_state, &ty)?,
            private: answer.private,
            diagnostics: diagnostics(answer.diagnostics),
            legacy_type_system: false,
            new_identity: identity_data(answer.new_identity.as_ref(), identity_ty.as_ref())?,
        })
    }

    pub(super) async fn import_resource_state(
        &self,
        request: wire::import_resource_state::Request,
    ) -> Result<wire::import_resource_state::Response, Diagnostic> {
        let (ty, identity_ty) = self.types(&request.type_name)?;
        let answer = self
            .server
            .import_resource_state(ImportRequest {
                identity: identity(request.identity.as_ref(), identity_ty.as_ref())?,
                id: request.id,
                capabilities: capabilities(request.client_capabilities),
                type_name: request.type_name,
            })
            .await;
        let mut imported_resources = Vec::new();
        for found in answer.resources {
            imported_resources.push(wire::import_resource_state::ImportedResource {
                state: dynamic(&found.state, &ty)?,
                private: found.private,
                identity: identity_data(found.identity.as_ref(), identity_ty.as_ref())?,
                type_name: found.type_name,
            });
        }
        Ok(wire::import_resource_state::Response {
            imported_resources,
            diagnostics: diagnostics(answer.diagnostics),
        })
    }

    pub(super) async fn move_resource_state(
        &self,
        request: wire::move_resource_state::Request,
    ) -> Result<wire::move_resource_state::Response, Diagnostic> {
        let (ty, identity_ty) = self.types(&request.target_type_name)?;
        let answer = self
            .server
            .move_resource_state(MoveRequest {
                source_provider_address: request.source_provider_address,
                source_type_name: request.source_type_name,
                source_schema_version: request.source_schema_version,
                source_state: raw_state(request.source_state.as_ref())?,
                target_type_name: request.target_type_name,
            })
            .await;
        Ok(wire::move_resource_state::Response {
            target_state: dynamic(&answer.state, &ty)?,
            target_private: answer.private,
            target_identity: identity_data(answer.identity.as_ref(), identity_ty.as_ref())?,
            diagnostics: diagnostics(answer.diagnostics),
        })
    }
}
