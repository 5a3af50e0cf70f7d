//! One core: the schemas of a plugin, and what every kind of call needs.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tonic::transport::Channel;

use crate::failure::{Failure, Message, warnings};
use crate::functions::Cli;
use crate::msgpack::{dynamic, value};
use crate::proto::tfplugin6::provider_client::ProviderClient;
use crate::proto::tfplugin6::{self as wire, ClientCapabilities, ResourceIdentityData};
use crate::schema::{self, Schema};
use crate::types::Type;
use crate::value::Value;

/// Messages may be as large as with Go.
const LARGEST_MESSAGE: usize = 256 << 20;

/// One core that talks to one plugin.
pub struct Core {
    pub(crate) client: ProviderClient<Channel>,
    pub(crate) cli: Cli,
    found: wire::get_provider_schema::Response,
    pub(crate) provider: Schema,
    pub(crate) resources: BTreeMap<String, Schema>,
    pub(crate) data_sources: BTreeMap<String, Schema>,
    pub(crate) ephemerals: BTreeMap<String, Schema>,
    pub(crate) functions: BTreeMap<String, wire::Function>,
    pub(crate) identities: BTreeMap<String, Type>,
}

/// A broken rule, with its name and every place.
pub(crate) fn broken(name: &str, places: &[String]) -> Result<(), Failure> {
    if places.is_empty() { Ok(()) } else { Err(Failure::Rule(format!("{name}: {}", places.join("; ")))) }
}

impl Core {
    /// Asks for the schemas and loads them.
    pub async fn connect(channel: Channel, cli: Cli) -> Result<Self, Failure> {
        let mut client = ProviderClient::new(channel)
            .max_decoding_message_size(LARGEST_MESSAGE)
            .max_encoding_message_size(LARGEST_MESSAGE);
        let found = client.get_provider_schema(wire::get_provider_schema::Request {}).await?.into_inner();
        warnings(&found.diagnostics)?;
        let identities = client
            .get_resource_identity_schemas(wire::get_resource_identity_schemas::Request {})
            .await?
            .into_inner();
        warnings(&identities.diagnostics)?;
        let load = |name: &str, from: &wire::Schema| {
            Schema::load(from).map_err(|error| Failure::Rule(format!("schema of {name}: {error}")))
        };
        let load_all = |from: &BTreeMap<String, wire::Schema>| {
            from.iter()
                .map(|(name, from)| Ok((name.clone(), load(name, from)?)))
                .collect::<Result<_, Failure>>()
        };
        let core = Self {
            provider: load("the provider block", &found.provider.clone().unwrap_or_default())?,
            resources: load_all(&found.resource_schemas)?,
            data_sources: load_all(&found.data_source_schemas)?,
            ephemerals: load_all(&found.ephemeral_resource_schemas)?,
            functions: found.functions.clone(),
            identities: identities
                .identity_schemas
                .iter()
                .map(|(name, from)| Ok((name.clone(), schema::identity(from).map_err(Failure::Rule)?)))
                .collect::<Result<_, Failure>>()?,
            found,
            client,
            cli,
        };
        match core.identities.keys().find(|name| !core.resources.contains_key(*name)) {
            Some(name) => Err(Failure::Rule(format!("an identity of the unknown type {name}"))),
            None => Ok(core),
        }
    }

    /// The schemas as the provider sent them.
    pub fn schemas(&self) -> &wire::get_provider_schema::Response {
        &self.found
    }

    /// How large they are on the wire, in bytes.
    pub fn schema_size(&self) -> usize {
        prost::Message::encoded_len(&self.found)
    }

    /// A client for requests that no core would make.
    pub fn client(&self) -> ProviderClient<Channel> {
        self.client.clone()
    }

    /// The resource types.
    pub fn resources(&self) -> &BTreeMap<String, Schema> {
        &self.resources
    }

    /// The data source types.
    pub fn data_sources(&self) -> &BTreeMap<String, Schema> {
        &self.data_sources
    }

    /// The ephemeral resource types.
    pub fn ephemerals(&self) -> &BTreeMap<String, Schema> {
        &self.ephemerals
    }

    /// The provider block.
    pub fn provider(&self) -> &Schema {
        &self.provider
    }

    /// The types of identities.
    pub fn identities(&self) -> &BTreeMap<String, Type> {
        &self.identities
    }

    pub(crate) fn capabilities() -> Option<ClientCapabilities> {
        Some(ClientCapabilities { deferral_allowed: false, write_only_attributes_allowed: true })
    }

    pub(crate) fn schema(&self, type_name: &str) -> Result<&Schema, Failure> {
        self.resources
            .get(type_name)
            .ok_or_else(|| Failure::Rule(format!("there is no resource type {type_name}")))
    }

    pub(crate) fn identity_data(
        &self,
        type_name: &str,
        identity: Option<&Value>,
    ) -> Option<ResourceIdentityData> {
        let (ty, identity) = (self.identities.get(type_name)?, identity?);
        Some(ResourceIdentityData { identity_data: Some(dynamic(identity, ty)) })
    }

    /// Reads an identity, and refuses one that changed or that is not wholly known where it must be.
    pub(crate) fn identity(
        &self,
        type_name: &str,
        answer: Option<&ResourceIdentityData>,
        before: Option<&Value>,
        must_be_known: bool,
    ) -> Result<Option<Value>, Failure> {
        let Some(data) = answer.and_then(|answer| answer.identity_data.as_ref()) else {
            return match before {
                Some(_) if must_be_known => Err(Failure::Rule("the identity was lost".to_owned())),
                _ => Ok(None),
            };
        };
        let Some(ty) = self.identities.get(type_name) else {
            return Err(Failure::Rule(format!("{type_name} has no identity, and one was returned")));
        };
        let identity = value(Some(data), ty).map_err(Failure::Rule)?;
        if must_be_known && (identity.is_null() || !identity.is_known()) {
            return Err(Failure::Rule(format!("the identity is not wholly known: {identity:?}")));
        }
        match before {
            Some(before) if before.is_known() && *before != identity => {
                Err(Failure::Rule(format!("the identity changed from {before:?} to {identity:?}")))
            }
            _ => Ok(Some(identity)),
        }
    }

    /// Validates and configures the provider, as before every walk.
    pub async fn configure(&self, config: &Json) -> Result<Vec<Message>, Failure> {
        let ty = self.provider.ty();
        let config = Some(dynamic(&Value::from_json(config, &ty), &ty));
        let request = wire::validate_provider_config::Request { config: config.clone() };
        let mut said =
            warnings(&self.client().validate_provider_config(request).await?.into_inner().diagnostics)?;
        let request = wire::configure_provider::Request {
            terraform_version: self.cli.version().to_owned(),
            config,
            client_capabilities: Self::capabilities(),
        };
        said.extend(warnings(&self.client().configure_provider(request).await?.into_inner().diagnostics)?);
        Ok(said)
    }

    /// Validates the configuration of a resource.
    pub async fn validate(&self, type_name: &str, config: &Json) -> Result<Vec<Message>, Failure> {
        let ty = self.schema(type_name)?.ty();
        let request = wire::validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config: Some(dynamic(&Value::from_json(config, &ty), &ty)),
            client_capabilities: Self::capabilities(),
        };
        warnings(&self.client().validate_resource_config(request).await?.into_inner().diagnostics)
    }
}
