//! Refresh, upgrade, import, data sources and ephemeral resources.

use std::time::{Duration, SystemTime};

use serde_json::Value as Json;

use crate::change::State;
use crate::core::{Core, broken};
use crate::failure::{Failure, Message, warnings};
use crate::msgpack::{dynamic, value};
use crate::proto::tfplugin6 as wire;
use crate::rules;
use crate::schema::Schema;
use crate::value::Value;

/// An open ephemeral resource.
#[derive(Clone, Debug)]
pub struct Opened {
    type_name: String,
    /// The value; it is never stored.
    pub result: Value,
    /// What the provider needs to renew and close.
    pub private: Option<Vec<u8>>,
    /// When it must be renewed.
    pub renew_at: Option<SystemTime>,
}

impl Core {
    /// What a CLI does with stored state before each use: through JSON, to the current version.
    pub async fn upgrade(&self, state: &State) -> Result<State, Failure> {
        let version = self.schema(&state.type_name)?.version;
        let value = self.upgrade_json(&state.type_name, version, &state.value.to_json()).await?;
        Ok(State { value, ..state.clone() })
    }

    /// Brings stored JSON of any version to the current one.
    pub async fn upgrade_json(&self, type_name: &str, version: i64, json: &Json) -> Result<Value, Failure> {
        let request = wire::upgrade_resource_state::Request {
            type_name: type_name.to_owned(),
            version,
            raw_state: Some(wire::RawState { json: json.to_string().into_bytes(), ..Default::default() }),
        };
        let answer = self.client().upgrade_resource_state(request).await?.into_inner();
        warnings(&answer.diagnostics)?;
        self.stored(type_name, answer.upgraded_state.as_ref())
    }

    /// Reads an object that goes into the state as it is.
    fn stored(&self, type_name: &str, answer: Option<&wire::DynamicValue>) -> Result<Value, Failure> {
        let schema = self.schema(type_name)?;
        let found = value(answer, &schema.ty())
            .map_err(|error| Failure::Rule(format!("the state does not fit the schema: {error}")))?;
        if !found.is_known() {
            return Err(Failure::Rule(format!("unknown in a state: {found:?}")));
        }
        broken("stored secret", &rules::write_only_null(&schema.attributes, &found))?;
        Ok(found)
    }

    /// Refreshes; nothing when the object is gone.
    pub async fn refresh(&self, state: &State) -> Result<Option<State>, Failure> {
        let state = self.upgrade(state).await?;
        let ty = self.schema(&state.type_name)?.ty();
        let request = wire::read_resource::Request {
            type_name: state.type_name.clone(),
            current_state: Some(dynamic(&state.value, &ty)),
            private: state.private.clone(),
            provider_meta: None,
            client_capabilities: Self::capabilities(),
            current_identity: self.identity_data(&state.type_name, state.identity.as_ref()),
        };
        let answer = self.client().read_resource(request).await?.into_inner();
        warnings(&answer.diagnostics)?;
        let value = self.stored(&state.type_name, answer.new_state.as_ref())?;
        if value.is_null() {
            return Ok(None);
        }
        let before = state.identity.as_ref();
        let identity = self.identity(&state.type_name, answer.new_identity.as_ref(), before, true)?;
        Ok(Some(State { value, private: answer.private, identity, ..state }))
    }

    /// Imports by what the user typed, and reads at once.
    pub async fn import(&self, type_name: &str, id: &str) -> Result<State, Failure> {
        self.import_any(type_name, id, None).await
    }

    /// Imports by identity, and reads at once.
    pub async fn import_by_identity(&self, type_name: &str, identity: &Json) -> Result<State, Failure> {
        let ty =
            self.identities.get(type_name).ok_or_else(|| Failure::Rule("it has no identity".to_owned()))?;
        let identity = Value::from_json(identity, ty);
        self.import_any(type_name, "", Some(&identity)).await
    }

    async fn import_any(
        &self,
        type_name: &str,
        id: &str,
        identity: Option<&Value>,
    ) -> Result<State, Failure> {
        let request = wire::import_resource_state::Request {
            type_name: type_name.to_owned(),
            id: id.to_owned(),
            client_capabilities: Self::capabilities(),
            identity: self.identity_data(type_name, identity),
        };
        let answer = self.client().import_resource_state(request).await?.into_inner();
        warnings(&answer.diagnostics)?;
        let [found] = answer.imported_resources.as_slice() else {
            return Err(Failure::Rule(format!("{} objects were imported", answer.imported_resources.len())));
        };
        if found.type_name != type_name {
            return Err(Failure::Rule(format!("imported a {}", found.type_name)));
        }
        let value = self.stored(type_name, found.state.as_ref())?;
        if value.is_null() {
            return Err(Failure::Rule("the imported object is null".to_owned()));
        }
        let state = State {
            type_name: type_name.to_owned(),
            value,
            private: found.private.clone(),
            identity: self.identity(type_name, found.identity.as_ref(), identity, false)?,
            tainted: false,
        };
        let message = Message {
            is_error: true,
            summary: "Cannot import non-existent remote object".to_owned(),
            detail: format!("The provider found no {type_name} {id:?}."),
            path: String::new(),
        };
        self.refresh(&state).await?.ok_or_else(|| Failure::Refused(vec![message]))
    }

    fn data_source(&self, type_name: &str) -> Result<&Schema, Failure> {
        self.data_sources
            .get(type_name)
            .ok_or_else(|| Failure::Rule(format!("there is no data source {type_name}")))
    }

    /// Validates the configuration of a data source.
    pub async fn validate_data(&self, type_name: &str, config: &Json) -> Result<Vec<Message>, Failure> {
        let ty = self.data_source(type_name)?.ty();
        let request = wire::validate_data_resource_config::Request {
            type_name: type_name.to_owned(),
            config: Some(dynamic(&Value::from_json(config, &ty), &ty)),
        };
        warnings(&self.client().validate_data_resource_config(request).await?.into_inner().diagnostics)
    }

    /// Validates and reads a data source.
    pub async fn data(&self, type_name: &str, config: &Json) -> Result<Value, Failure> {
        self.validate_data(type_name, config).await?;
        let ty = self.data_source(type_name)?.ty();
        let config = Some(dynamic(&Value::from_json(config, &ty), &ty));
        let request = wire::read_data_source::Request {
            type_name: type_name.to_owned(),
            config,
            provider_meta: None,
            client_capabilities: Self::capabilities(),
        };
        let answer = self.client().read_data_source(request).await?.into_inner();
        warnings(&answer.diagnostics)?;
        let found = value(answer.state.as_ref(), &ty).map_err(Failure::Rule)?;
        if found.is_null() || !found.is_known() {
            return Err(Failure::Rule(format!("a data source is null or unknown: {found:?}")));
        }
        Ok(found)
    }

    fn ephemeral(&self, type_name: &str) -> Result<&Schema, Failure> {
        self.ephemerals
            .get(type_name)
            .ok_or_else(|| Failure::Rule(format!("there is no ephemeral resource {type_name}")))
    }

    /// Validates the configuration of an ephemeral resource.
    pub async fn validate_ephemeral(&self, type_name: &str, config: &Json) -> Result<Vec<Message>, Failure> {
        let ty = self.ephemeral(type_name)?.ty();
        let request = wire::validate_ephemeral_resource_config::Request {
            type_name: type_name.to_owned(),
            config: Some(dynamic(&Value::from_json(config, &ty), &ty)),
        };
        warnings(&self.client().validate_ephemeral_resource_config(request).await?.into_inner().diagnostics)
    }

    /// Validates and opens an ephemeral resource.
    pub async fn open(&self, type_name: &str, config: &Json) -> Result<Opened, Failure> {
        self.validate_ephemeral(type_name, config).await?;
        let ty = self.ephemeral(type_name)?.ty();
        let config = Some(dynamic(&Value::from_json(config, &ty), &ty));
        let request = wire::open_ephemeral_resource::Request {
            type_name: type_name.to_owned(),
            config,
            client_capabilities: Self::capabilities(),
        };
        let answer = self.client().open_ephemeral_resource(request).await?.into_inner();
        warnings(&answer.diagnostics)?;
        let result = value(answer.result.as_ref(), &ty).map_err(Failure::Rule)?;
        if result.is_null() || !result.is_known() {
            return Err(Failure::Rule(format!("an open ephemeral resource is null or unknown: {result:?}")));
        }
        Ok(Opened {
            type_name: type_name.to_owned(),
            result,
            private: answer.private,
            renew_at: answer.renew_at.map(time),
        })
    }

    /// Renews an ephemeral resource.
    pub async fn renew(&self, opened: &Opened) -> Result<Opened, Failure> {
        let request = wire::renew_ephemeral_resource::Request {
            type_name: opened.type_name.clone(),
            private: opened.private.clone(),
        };
        let answer = self.client().renew_ephemeral_resource(request).await?.into_inner();
        warnings(&answer.diagnostics)?;
        Ok(Opened { private: answer.private, renew_at: answer.renew_at.map(time), ..opened.clone() })
    }

    /// Closes an ephemeral resource.
    pub async fn close(&self, opened: &Opened) -> Result<(), Failure> {
        let request = wire::close_ephemeral_resource::Request {
            type_name: opened.type_name.clone(),
            private: opened.private.clone(),
        };
        warnings(&self.client().close_ephemeral_resource(request).await?.into_inner().diagnostics)?;
        Ok(())
    }
}

fn time(stamp: prost_types::Timestamp) -> SystemTime {
    let seconds = u64::try_from(stamp.seconds).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::new(seconds, u32::try_from(stamp.nanos).unwrap_or_default())
}
