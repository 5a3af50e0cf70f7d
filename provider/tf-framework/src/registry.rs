//! Everything a provider offers, with the types erased.

use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::erased::{AnyData, AnyEphemeral, AnyResource, DataAdapter, EphemeralAdapter, ResourceAdapter};
use crate::messages::FunctionError;
use crate::resource::{DataSource, Ephemeral, Function, Resource};
use crate::schema::{FunctionSchema, ResourceSchema, Schema};
use crate::value::Value;

/// A context with its type erased; the registry's parameter makes sure it is the right one.
pub(crate) type AnyCx = Arc<dyn Any + Send + Sync>;
/// A function with its type erased.
pub(crate) type Call = fn(&[Value]) -> Result<Value, FunctionError>;

/// Collects what a provider offers.
pub struct Registry<Cx> {
    pub(crate) prefix: &'static str,
    pub(crate) resources: BTreeMap<String, (ResourceSchema, Arc<dyn AnyResource>)>,
    pub(crate) data_sources: BTreeMap<String, (Schema, Arc<dyn AnyData>)>,
    pub(crate) ephemerals: BTreeMap<String, (Schema, Arc<dyn AnyEphemeral>)>,
    pub(crate) functions: BTreeMap<String, (FunctionSchema, Call)>,
    pub(crate) cx: PhantomData<fn() -> Cx>,
}

impl<Cx: Send + Sync + 'static> Registry<Cx> {
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            ephemerals: BTreeMap::new(),
            functions: BTreeMap::new(),
            cx: PhantomData,
        }
    }

    fn type_name(&self, name: &str) -> String {
        format!("{}_{name}", self.prefix)
    }

    /// Adds a resource.
    pub fn resource<R: Resource<Cx = Cx>>(&mut self) -> &mut Self {
        let mut schema = R::schema();
        schema.attributes.push(crate::timeouts::attribute(&R::TIMEOUTS));
        let schema = ResourceSchema { schema, identity: Some(R::identity_schema()) };
        let adapter = Arc::new(ResourceAdapter::<R>::default());
        self.resources.insert(self.type_name(R::NAME), (schema, adapter));
        self
    }

    /// Adds a data source.
    pub fn data_source<D: DataSource<Cx = Cx>>(&mut self) -> &mut Self {
        self.data_sources
            .insert(self.type_name(D::NAME), (D::schema(), Arc::new(DataAdapter::<D>::default())));
        self
    }

    /// Adds an ephemeral resource.
    pub fn ephemeral<E: Ephemeral<Cx = Cx>>(&mut self) -> &mut Self {
        self.ephemerals
            .insert(self.type_name(E::NAME), (E::schema(), Arc::new(EphemeralAdapter::<E>::default())));
        self
    }

    /// Adds a function.
    pub fn function<F: Function>(&mut self) -> &mut Self {
        self.functions.insert(F::NAME.to_owned(), (F::schema(), F::call));
        self
    }
}
