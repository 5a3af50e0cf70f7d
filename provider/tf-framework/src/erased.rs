//! Resources, data sources and ephemeral resources behind trait objects: typed models in, values out.

use std::marker::PhantomData;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use crate::diagnostics::{Diagnostic, Diagnostics, Error, Result};
use crate::path::Path;
use crate::plan_hook::Plan;
use crate::registry::AnyCx;
use crate::resource::{Change, DataSource, Ephemeral, Resource};
use crate::value::Value;

/// A plan while the resource's own hook looks at it.
pub(crate) struct PlanDraft {
    pub prior: Value,
    pub config: Value,
    pub planned: Value,
    pub replace: Vec<Path>,
    pub out: Diagnostics,
}

/// See [`Resource`].
pub(crate) trait AnyResource: Send + Sync {
    fn timeouts(&self) -> [Duration; 4];
    fn validate(&self, config: &Value, out: &mut Diagnostics);
    fn id(&self, state: &Value) -> Result<String>;
    fn parse_id(&self, text: &str) -> Result<String>;
    fn identity(&self, id: &str) -> Result<Value>;
    fn id_from_identity(&self, identity: &Value) -> Result<String>;
    fn plan<'a>(&'a self, cx: AnyCx, draft: &'a mut PlanDraft) -> BoxFuture<'a, Result<()>>;
    fn create(&self, cx: AnyCx, want: Value) -> BoxFuture<'static, Result<String>>;
    fn read(&self, cx: AnyCx, id: String, prior: Option<Value>) -> BoxFuture<'static, Result<Option<Value>>>;
    fn update(&self, cx: AnyCx, id: String, prior: Value, want: Value) -> BoxFuture<'static, Result<()>>;
    fn delete(&self, cx: AnyCx, id: String, prior: Value) -> BoxFuture<'static, Result<()>>;
    fn upgrade(&self, version: i64, json: Json) -> Result<Json>;
    fn move_from(&self, provider: &str, type_name: &str, version: i64, json: &Json) -> Option<Result<Value>>;
}

/// A [`Resource`] as an [`AnyResource`].
pub(crate) struct ResourceAdapter<R>(PhantomData<fn() -> R>);
/// A [`DataSource`] as an [`AnyData`].
pub(crate) struct DataAdapter<D>(PhantomData<fn() -> D>);
/// An [`Ephemeral`] as an [`AnyEphemeral`].
pub(crate) struct EphemeralAdapter<E>(PhantomData<fn() -> E>);

impl<R> Default for ResourceAdapter<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}
impl<D> Default for DataAdapter<D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}
impl<E> Default for EphemeralAdapter<E> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

fn context<Cx: 'static>(cx: &AnyCx) -> Result<&Cx> {
    cx.downcast_ref().ok_or_else(|| Diagnostic::bug("The context of the provider has the wrong type.").into())
}

fn parse<R: Resource>(text: &str) -> Result<R::Id> {
    text.parse().map_err(|error: <R::Id as FromStr>::Err| {
        Error::new("Invalid import ID", format!("The ID {text:?} cannot be used: {error}."))
    })
}

impl<R: Resource> AnyResource for ResourceAdapter<R> {
    fn timeouts(&self) -> [Duration; 4] {
        R::TIMEOUTS
    }

    fn validate(&self, config: &Value, out: &mut Diagnostics) {
        R::validate(config, out);
    }

    fn id(&self, state: &Value) -> Result<String> {
        Ok(R::decode(state)?.id().to_string())
    }

    fn parse_id(&self, text: &str) -> Result<String> {
        parse::<R>(text).map(|id| id.to_string())
    }

    fn identity(&self, id: &str) -> Result<Value> {
        parse::<R>(id).map(|id| R::identity(&id))
    }

    fn id_from_identity(&self, identity: &Value) -> Result<String> {
        R::id_from_identity(identity).map(|id| id.to_string())
    }

    fn plan<'a>(&'a self, cx: AnyCx, draft: &'a mut PlanDraft) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let prior = if draft.prior.is_null() { None } else { Some(R::decode(&draft.prior)?) };
            let mut plan = Plan::<R> {
                prior,
                config: &draft.config,
                planned: &mut draft.planned,
                replace: &mut draft.replace,
                out: &mut draft.out,
                model: PhantomData,
            };
            R::plan(context(&cx)?, &mut plan).await
        })
    }

    fn create(&self, cx: AnyCx, want: Value) -> BoxFuture<'static, Result<String>> {
        Box::pin(async move {
            let want = R::decode(&want)?;
            Ok(R::create(context(&cx)?, &want).await?.to_string())
        })
    }

    fn read(&self, cx: AnyCx, id: String, prior: Option<Value>) -> BoxFuture<'static, Result<Option<Value>>> {
        Box::pin(async move {
            let id = parse::<R>(&id)?;
            let prior = prior.map(|prior| R::decode(&prior)).transpose()?;
            Ok(R::read(context(&cx)?, &id, prior.as_ref()).await?.map(|found| found.encode()))
        })
    }

    fn update(&self, cx: AnyCx, id: String, prior: Value, want: Value) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            let (id, prior, want) = (parse::<R>(&id)?, R::decode(&prior)?, R::decode(&want)?);
            R::update(context(&cx)?, &id, Change { prior: &prior, want: &want }).await
        })
    }

    fn delete(&self, cx: AnyCx, id: String, prior: Value) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            let (id, prior) = (parse::<R>(&id)?, R::decode(&prior)?);
            R::delete(context(&cx)?, &id, &prior).await
        })
    }

    fn upgrade(&self, version: i64, json: Json) -> Result<Json> {
        R::upgrade(version, json)
    }

    fn move_from(&self, provider: &str, type_name: &str, version: i64, json: &Json) -> Option<Result<Value>> {
        R::move_from(provider, type_name, version, json).map(|moved| moved.map(|model| model.encode()))
    }
}

/// See [`DataSource`].
pub(crate) trait AnyData: Send + Sync {
    fn validate(&self, config: &Value, out: &mut Diagnostics);
    fn read(&self, cx: AnyCx, config: Value) -> BoxFuture<'static, Result<Value>>;
}

impl<D: DataSource> AnyData for DataAdapter<D> {
    fn validate(&self, config: &Value, out: &mut Diagnostics) {
        D::validate(config, out);
    }

    fn read(&self, cx: AnyCx, config: Value) -> BoxFuture<'static, Result<Value>> {
        Box::pin(async move {
            let config = D::decode(&config)?;
            Ok(D::read(context(&cx)?, config).await?.encode())
        })
    }
}

/// What opening an ephemeral resource gives.
pub(crate) struct AnyOpened {
    pub result: Value,
    pub private: Json,
    pub renew_at: Option<SystemTime>,
}

/// See [`Ephemeral`].
pub(crate) trait AnyEphemeral: Send + Sync {
    fn validate(&self, config: &Value, out: &mut Diagnostics);
    fn open(&self, cx: AnyCx, config: Value) -> BoxFuture<'static, Result<AnyOpened>>;
    fn renew(&self, cx: AnyCx, private: Json) -> BoxFuture<'static, Result<Option<SystemTime>>>;
    fn close(&self, cx: AnyCx, private: Json) -> BoxFuture<'static, Result<()>>;
}

impl<E: Ephemeral> AnyEphemeral for EphemeralAdapter<E> {
    fn validate(&self, config: &Value, out: &mut Diagnostics) {
        E::validate(config, out);
    }

    fn open(&self, cx: AnyCx, config: Value) -> BoxFuture<'static, Result<AnyOpened>> {
        Box::pin(async move {
            let config = E::decode(&config)?;
            let opened = E::open(context(&cx)?, config).await?;
            Ok(AnyOpened {
                result: opened.result.encode(),
                private: opened.private,
                renew_at: opened.renew_at,
            })
        })
    }

    fn renew(&self, cx: AnyCx, private: Json) -> BoxFuture<'static, Result<Option<SystemTime>>> {
        Box::pin(async move { E::renew(context(&cx)?, &private).await })
    }

    fn close(&self, cx: AnyCx, private: Json) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move { E::close(context(&cx)?, &private).await })
    }
}
