//! Validation of configurations: what the schema says, then the rules of single values. Nothing here does I/O, and
//! nothing that is known only after apply is ever refused.

use crate::conform::steps;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::messages::Capabilities;
use crate::path::Path;
use crate::schema::{Attribute, Mode, Nesting, Schema, Shape};
use crate::server::{Inner, no_such};
use crate::types::Type;
use crate::value::Value;

/// Checks a configuration against its schema.
pub(crate) fn config(schema: &Schema, config: &Value, write_only_allowed: bool, out: &mut Diagnostics) {
    if config.is_set() {
        let place = Place { path: Path::root(), in_set: false, secret: false };
        Walk { write_only_allowed, out }.object(&schema.attributes, config, &place);
    }
}

pub(crate) fn resource(
    inner: &Inner,
    type_name: &str,
    value: &Value,
    capabilities: Capabilities,
) -> Vec<Diagnostic> {
    let mut out = Diagnostics::new();
    match inner.resource(type_name) {
        Ok((schema, resource)) => {
            config(&schema.schema, value, capabilities.write_only_attributes_allowed, &mut out);
            if value.is_set() {
                resource.validate(value, &mut out);
            }
        }
        Err(unsupported) => out.push(unsupported),
    }
    out.into_vec()
}

pub(crate) fn data_source(inner: &Inner, type_name: &str, value: &Value) -> Vec<Diagnostic> {
    let found = inner.schemas.data_sources.get(type_name).zip(inner.data_sources.get(type_name));
    let Some((schema, data)) = found else { return vec![no_such("data source", type_name)] };
    let mut out = Diagnostics::new();
    config(schema, value, true, &mut out);
    if value.is_set() {
        data.validate(value, &mut out);
    }
    out.into_vec()
}

pub(crate) fn ephemeral(inner: &Inner, type_name: &str, value: &Value) -> Vec<Diagnostic> {
    let found = inner.schemas.ephemerals.get(type_name).zip(inner.ephemerals.get(type_name));
    let Some((schema, ephemeral)) = found else { return vec![no_such("ephemeral resource", type_name)] };
    let mut out = Diagnostics::new();
    config(schema, value, true, &mut out);
    if value.is_set() {
        ephemeral.validate(value, &mut out);
    }
    out.into_vec()
}

struct Walk<'a> {
    write_only_allowed: bool,
    out: &'a mut Diagnostics,
}

/// Where the walk is. Paths end at sets, whose elements have no address.
#[derive(Clone)]
struct Place {
    path: Path,
    in_set: bool,
    secret: bool,
}

impl Place {
    fn below(&self, path: impl FnOnce(&Path) -> Path) -> Self {
        let path = if self.in_set { self.path.clone() } else { path(&self.path) };
        Self { path, ..*self }
    }
}

impl Walk<'_> {
    fn object(&mut self, attributes: &[Attribute], value: &Value, place: &Place) {
        for attribute in attributes {
            let mut place = place.below(|path| path.then(&*attribute.name));
            place.secret |= attribute.sensitive || attribute.write_only;
            self.attribute(attribute, value.attribute(&attribute.name), &place);
        }
    }

    fn attribute(&mut self, attribute: &Attribute, value: &Value, place: &Place) {
        let name = &attribute.name;
        if value.is_null() {
            if attribute.mode == Mode::Required {
                let detail = format!("The argument `{name}` is required, but it is not set. Set it.");
                self.out.error(place.path.clone(), "Missing required argument", detail);
            }
            return;
        }
        if attribute.mode == Mode::Computed {
            let detail =
                format!("The attribute `{name}` is set by the service. Remove it from the configuration.");
            return self.out.error(place.path.clone(), "Read-only attribute", detail);
        }
        if attribute.write_only && !self.write_only_allowed {
            let detail = format!(
                "The argument `{name}` is write-only: its value must never be stored, but this version of the CLI \
                 would store it. Use OpenTofu 1.11 or Terraform 1.11 or newer, or leave the argument out."
            );
            self.out.error(place.path.clone(), "Write-only argument not supported", detail);
        }
        if let Some(reason) = &attribute.deprecated {
            let detail = format!("The argument `{name}` is deprecated. {reason}");
            self.out.warn(place.path.clone(), "Deprecated argument", detail);
        }
        if value.is_unknown() {
            return;
        }
        self.rules(attribute, value, place);
        match &attribute.shape {
            Shape::Plain(ty) => self.null_elements(name, value, ty, place),
            Shape::Nested { nesting, attributes } => {
                self.nested(attribute, *nesting, attributes, value, place)
            }
        }
    }

    fn rules(&mut self, attribute: &Attribute, value: &Value, place: &Place) {
        // Elements that are not known yet may turn out equal, so not even the size of such a set is known.
        if matches!(value, Value::Set(_)) && !value.is_fully_known() {
            return;
        }
        // Of several, the last: what an attribute asks for says more than what its type does.
        let broken = attribute.validators.iter().rev().find_map(|rule| Some((rule, rule.check(value)?)));
        if let Some((rule, wrong)) = broken {
            let detail = if place.secret {
                let rule = rule.describe();
                format!(
                    "The value of `{}` cannot be used; it is not shown, because it is a secret. {rule}",
                    attribute.name
                )
            } else if place.in_set {
                format!("In an element of this set, `{}`: {wrong}", attribute.name)
            } else {
                wrong
            };
            self.out.error(place.path.clone(), "Invalid value", detail.trim_end());
        }
    }

    fn null_elements(&mut self, name: &str, value: &Value, ty: &Type, place: &Place) {
        let null = match (value, ty) {
            (Value::List(items) | Value::Set(items), Type::List(_) | Type::Set(_)) => {
                items.iter().any(Value::is_null)
            }
            (Value::Map(entries), Type::Map(_)) => entries.values().any(Value::is_null),
            _ => false,
        };
        if null {
            let detail = format!("An element of `{name}` is null. Give it a value or remove it.");
            self.out.error(place.path.clone(), "Missing value", detail);
        }
    }

    fn nested(
        &mut self,
        attribute: &Attribute,
        nesting: Nesting,
        attributes: &[Attribute],
        value: &Value,
        place: &Place,
    ) {
        let objects: Vec<&Value> = match value {
            Value::List(items) | Value::Set(items) => items.iter().collect(),
            Value::Map(entries) => entries.values().collect(),
            single => vec![single],
        };
        for (object, step) in objects.into_iter().zip(steps(nesting, value)) {
            let mut place = match step {
                Some(step) => place.below(|path| path.step(step)),
                None => place.clone(),
            };
            place.in_set |= nesting == Nesting::Set;
            if object.is_null() {
                let detail =
                    format!("An element of `{}` is null. Give it a value or remove it.", attribute.name);
                self.out.error(place.path.clone(), "Missing value", detail);
            } else if object.is_set() {
                self.object(attributes, object, &place);
            }
        }
    }
}
