//! Schemas as the wire wants them.

use std::collections::BTreeMap;

use tf_framework::{
    Attribute, FunctionSchema, IdentitySchema, Mode, Nesting, Parameter, Schema, Schemas, Shape, Type,
};

use crate::proto::tfplugin6::{
    self as wire, ServerCapabilities, StringKind, get_metadata, get_provider_schema,
    get_resource_identity_schemas, resource_identity_schema, schema,
};

/// What this server can do: it plans destroys, every call works without the schema having been asked for, and
/// state can be moved between types.
pub(crate) const CAPABILITIES: ServerCapabilities = ServerCapabilities {
    plan_destroy: true,
    get_provider_schema_optional: true,
    move_resource_state: true,
    generate_resource_config: false,
};

/// The names of everything.
pub(crate) fn metadata(schemas: &Schemas) -> get_metadata::Response {
    fn types<'a>(names: impl Iterator<Item = &'a String>) -> Vec<get_metadata::TypeMetadata> {
        names.map(|name| get_metadata::TypeMetadata { type_name: name.clone() }).collect()
    }
    get_metadata::Response {
        server_capabilities: Some(CAPABILITIES),
        diagnostics: Vec::new(),
        data_sources: types(schemas.data_sources.keys()),
        resources: types(schemas.resources.keys()),
        functions: schemas
            .functions
            .keys()
            .map(|name| get_metadata::FunctionMetadata { name: name.clone() })
            .collect(),
        ephemeral_resources: types(schemas.ephemerals.keys()),
    }
}

/// The schemas of everything.
pub(crate) fn provider(schemas: &Schemas) -> get_provider_schema::Response {
    get_provider_schema::Response {
        provider: Some(block(&schemas.provider)),
        resource_schemas: schemas
            .resources
            .iter()
            .map(|(name, resource)| (name.clone(), block(&resource.schema)))
            .collect(),
        data_source_schemas: blocks(&schemas.data_sources),
        diagnostics: Vec::new(),
        provider_meta: None,
        server_capabilities: Some(CAPABILITIES),
        functions: functions(schemas),
        ephemeral_resource_schemas: blocks(&schemas.ephemerals),
    }
}

/// The identities of the resources that have one.
pub(crate) fn identities(schemas: &Schemas) -> get_resource_identity_schemas::Response {
    let identities = schemas
        .resources
        .iter()
        .filter_map(|(name, resource)| Some((name.clone(), identity(resource.identity.as_ref()?))));
    get_resource_identity_schemas::Response {
        identity_schemas: identities.collect(),
        diagnostics: Vec::new(),
    }
}

/// The signatures of the functions.
pub(crate) fn functions(schemas: &Schemas) -> BTreeMap<String, wire::Function> {
    schemas.functions.iter().map(|(name, signature)| (name.clone(), function(signature))).collect()
}

fn blocks(schemas: &BTreeMap<String, Schema>) -> BTreeMap<String, wire::Schema> {
    schemas.iter().map(|(name, schema)| (name.clone(), block(schema))).collect()
}

fn block(from: &Schema) -> wire::Schema {
    let block = schema::Block {
        version: from.version,
        attributes: from.attributes.iter().map(attribute).collect(),
        block_types: Vec::new(),
        description: from.description.clone(),
        description_kind: StringKind::Markdown.into(),
        deprecated: from.deprecated.is_some(),
    };
    wire::Schema { version: from.version, block: Some(block) }
}

fn ty(from: &Type) -> Vec<u8> {
    from.to_json().to_string().into_bytes()
}

fn attribute(from: &Attribute) -> schema::Attribute {
    let (ty, nested_type) = match &from.shape {
        Shape::Plain(plain) => (ty(plain), None),
        Shape::Nested { nesting, attributes } => (Vec::new(), Some(nested(*nesting, attributes))),
    };
    schema::Attribute {
        name: from.name.clone(),
        r#type: ty,
        description: from.description.clone(),
        required: from.mode == Mode::Required,
        optional: matches!(from.mode, Mode::Optional | Mode::OptionalComputed),
        computed: from.mode.is_computed(),
        sensitive: from.sensitive,
        description_kind: StringKind::Markdown.into(),
        deprecated: from.deprecated.is_some(),
        nested_type,
        write_only: from.write_only,
    }
}

fn nested(nesting: Nesting, attributes: &[Attribute]) -> schema::Object {
    let nesting = match nesting {
        Nesting::Single => schema::object::NestingMode::Single,
        Nesting::List => schema::object::NestingMode::List,
        Nesting::Set => schema::object::NestingMode::Set,
        Nesting::Map => schema::object::NestingMode::Map,
    };
    schema::Object { attributes: attributes.iter().map(attribute).collect(), nesting: nesting.into() }
}

fn identity(from: &IdentitySchema) -> wire::ResourceIdentitySchema {
    let attributes = from.attributes.iter().map(|part| resource_identity_schema::IdentityAttribute {
        name: part.name.clone(),
        r#type: ty(&part.ty),
        required_for_import: part.required_for_import,
        optional_for_import: !part.required_for_import,
        description: part.description.clone(),
    });
    wire::ResourceIdentitySchema { version: from.version, identity_attributes: attributes.collect() }
}

fn function(from: &FunctionSchema) -> wire::Function {
    wire::Function {
        parameters: from.parameters.iter().map(parameter).collect(),
        variadic_parameter: from.variadic.as_ref().map(parameter),
        r#return: Some(wire::function::Return { r#type: ty(&from.returns) }),
        summary: from.summary.clone(),
        description: from.description.clone(),
        description_kind: StringKind::Markdown.into(),
        deprecation_message: String::new(),
    }
}

fn parameter(from: &Parameter) -> wire::function::Parameter {
    wire::function::Parameter {
        name: from.name.clone(),
        r#type: ty(&from.ty),
        allow_null_value: from.allow_null,
        allow_unknown_values: from.allow_unknown,
        description: from.description.clone(),
        description_kind: StringKind::Markdown.into(),
    }
}
