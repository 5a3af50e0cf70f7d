//! One JSON file of everything that the provider offers, for tools and for reviews of what a change does to users.

use serde_json::{Map, Value as Json, json};

use crate::schema::{
    Attribute, FunctionSchema, IdentitySchema, Mode, Nesting, Parameter, Schema, Schemas, Shape,
};

/// The file: sorted where order means nothing, so that equal schemas make equal files.
pub(super) fn everything(schemas: &Schemas) -> String {
    let resources = schemas.resources.iter().map(|(name, resource)| {
        let mut json = schema(&resource.schema);
        if let (Some(entries), Some(parts)) = (json.as_object_mut(), &resource.identity) {
            entries.insert("identity".to_owned(), identity(parts));
        }
        (name.clone(), json)
    });
    let functions = schemas.functions.iter().map(|(name, schema)| (name.clone(), function(schema)));
    let of = |schemas: &std::collections::BTreeMap<String, Schema>| -> Map<String, Json> {
        schemas.iter().map(|(name, each)| (name.clone(), schema(each))).collect()
    };
    let json = json!({
        "provider": schema(&schemas.provider),
        "resources": resources.collect::<Map<_, _>>(),
        "data_sources": of(&schemas.data_sources),
        "ephemeral_resources": of(&schemas.ephemerals),
        "functions": functions.collect::<Map<_, _>>(),
    });
    format!("{json:#}\n")
}

fn schema(schema: &Schema) -> Json {
    let mut json = Map::new();
    json.insert("version".to_owned(), schema.version.into());
    json.insert("description".to_owned(), Json::from(&*schema.description));
    put(&mut json, "deprecated", schema.deprecated.as_deref());
    json.insert("attributes".to_owned(), attributes(&schema.attributes));
    Json::Object(json)
}

fn put(json: &mut Map<String, Json>, key: &str, value: Option<impl Into<Json>>) {
    if let Some(value) = value {
        json.insert(key.to_owned(), value.into());
    }
}

fn attributes(attributes: &[Attribute]) -> Json {
    attributes.iter().map(|each| (each.name.clone(), attribute(each))).collect::<Map<_, _>>().into()
}

fn attribute(attribute: &Attribute) -> Json {
    let mut json = Map::new();
    match &attribute.shape {
        Shape::Plain(ty) => put(&mut json, "type", Some(ty.to_json())),
        Shape::Nested { nesting, attributes } => {
            put(&mut json, "nesting", Some(nesting_name(*nesting)));
            put(&mut json, "attributes", Some(self::attributes(attributes)));
        }
    }
    put(&mut json, "mode", Some(mode_name(attribute.mode)));
    put(&mut json, "description", Some(&*attribute.description));
    put(&mut json, "api_name", attribute.wire.as_deref());
    put(&mut json, "default", attribute.default.as_ref().map(crate::value::Value::to_json));
    put(&mut json, "deprecated", attribute.deprecated.as_deref());
    let flags = [
        ("sensitive", attribute.sensitive),
        ("write_only", attribute.write_only),
        ("replace", attribute.replace),
        ("keep", attribute.keep),
        ("create_only", attribute.create_only),
    ];
    for (name, _) in flags.into_iter().filter(|(_, on)| *on) {
        put(&mut json, name, Some(true));
    }
    let rules: Vec<String> =
        attribute.validators.iter().map(|rule| rule.describe()).filter(|rule| !rule.is_empty()).collect();
    put(&mut json, "rules", (!rules.is_empty()).then_some(rules));
    Json::Object(json)
}

fn nesting_name(nesting: Nesting) -> &'static str {
    match nesting {
        Nesting::Single => "single",
        Nesting::List => "list",
        Nesting::Set => "set",
        Nesting::Map => "map",
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Required => "required",
        Mode::Optional => "optional",
        Mode::Computed => "computed",
        Mode::OptionalComputed => "optional_computed",
    }
}

fn identity(identity: &IdentitySchema) -> Json {
    let parts = identity.attributes.iter().map(|attribute| {
        let json = json!({
            "type": attribute.ty.to_json(),
            "required_for_import": attribute.required_for_import,
            "description": attribute.description,
        });
        (attribute.name.clone(), json)
    });
    json!({"version": identity.version, "attributes": parts.collect::<Map<_, _>>()})
}

fn function(function: &FunctionSchema) -> Json {
    let parameters: Vec<Json> = function.parameters.iter().map(parameter).collect();
    json!({
        "summary": function.summary,
        "description": function.description,
        "parameters": parameters,
        "variadic_parameter": function.variadic.as_ref().map(parameter),
        "returns": function.returns.to_json(),
    })
}

fn parameter(parameter: &Parameter) -> Json {
    json!({
        "name": parameter.name,
        "type": parameter.ty.to_json(),
        "allow_null": parameter.allow_null,
        "allow_unknown": parameter.allow_unknown,
        "description": parameter.description,
    })
}
