//! A provider with one resource and nothing to configure.

use std::marker::PhantomData;
use std::sync::Arc;

use tf_framework::prelude::*;

/// The provider block.
#[derive(Debug, Schema)]
#[schema(name = "homelab")]
pub struct Config {}

/// Offers `R` only.
pub struct Only<R>(PhantomData<fn() -> R>);

impl<R: Resource<Cx: From<Operation>>> ProviderDefinition for Only<R> {
    type Config = Config;
    type Client = ();
    type Cx = R::Cx;
    const NAME: &'static str = "homelab";

    fn configure(_config: Config) -> Result<()> {
        Ok(())
    }

    fn context(_client: Option<Arc<()>>, operation: Operation) -> R::Cx {
        operation.into()
    }

    fn register(registry: &mut Registry<R::Cx>) {
        registry.resource::<R>();
    }
}
