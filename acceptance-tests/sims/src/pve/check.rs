//! Checks parameters against the schema, in upstream's order and words.

use std::collections::BTreeMap;

use super::formats;
use super::params::{Param, Params};
use super::property::{self, Values};
use super::schema::{Format, Kind, Method, Rule, Rules};

/// Messages by parameter.
pub type Errors = BTreeMap<String, String>;

/// Said of a parameter that the schema does not have.
pub const UNKNOWN: &str =
    "property is not defined in schema and the schema does not allow additional properties";
/// Said of a required parameter that was not given.
pub const MISSING: &str = "property is missing and it is not optional";

/// Checks every parameter of a request; empty when all is well.
pub fn request(method: &Method, params: &Params) -> Errors {
    let mut errors = Errors::new();
    for (name, rule) in &method.parameters {
        match params.0.get(name) {
            None | Some(Param::Null) if rule.optional => {}
            None | Some(Param::Null) => {
                errors.insert(name.clone(), MISSING.to_owned());
            }
            Some(param) => parameter(name, rule, param, &mut errors),
        }
    }
    for name in params.0.keys() {
        match method.parameters.get(name) {
            None if !method.additional => {
                errors.insert(name.clone(), UNKNOWN.to_owned());
            }
            Some(Rule { requires: Some(other), .. }) if !params.has(other) => {
                errors.insert(other.clone(), format!("missing property required by '{name}'"));
            }
            _ => {}
        }
    }
    errors
}

fn parameter(name: &str, rule: &Rule, param: &Param, errors: &mut Errors) {
    match (rule.kind, param) {
        (_, Param::Null) => {}
        (kind, Param::Object) => {
            errors.insert(name.to_owned(), format!("type check ('{}') failed - got HASH", kind.name()));
        }
        (Kind::Array, param) => {
            let items = match param {
                Param::List(items) => items.clone(),
                Param::Text(text) => vec![text.clone()],
                _ => Vec::new(),
            };
            let Some(item_rule) = &rule.items else { return };
            for (index, item) in items.iter().enumerate() {
                value(&format!("{name}[{index}]"), item_rule, item, errors);
            }
        }
        (Kind::Text, Param::List(items)) if is_list(rule) => value(name, rule, &items.join(","), errors),
        (kind, Param::List(_)) => {
            errors.insert(name.to_owned(), format!("type check ('{}') failed - got ARRAY", kind.name()));
        }
        (_, Param::Text(text)) => value(name, rule, text, errors),
        (_, Param::Flag(flag)) => value(name, rule, if *flag { "1" } else { "0" }, errors),
    }
}

fn is_list(rule: &Rule) -> bool {
    matches!(&rule.format, Some(Format::Named(name)) if name.ends_with("-list"))
}

/// Checks one scalar.
pub fn value(path: &str, rule: &Rule, text: &str, errors: &mut Errors) {
    if let Err(message) = scalar(path, rule, text) {
        errors.insert(path.to_owned(), message);
    }
}

fn scalar(path: &str, rule: &Rule, text: &str) -> Result<(), String> {
    if !has_kind(rule.kind, text) {
        return Err(format!("type check ('{}') failed - got '{text}'", rule.kind.name()));
    }
    match &rule.format {
        Some(Format::Named(name)) => {
            named(path, name, text).map_err(|error| format!("invalid format - {error}"))?
        }
        Some(Format::Properties(rules)) => {
            properties(path, rules, text).map_err(|error| format!("invalid format - {error}"))?;
        }
        None => {}
    }
    if rule.pattern.as_ref().is_some_and(|pattern| !pattern.matches(text)) {
        return Err("value does not match the regex pattern".to_owned());
    }
    limits(rule, text)
}

fn limits(rule: &Rule, text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if let Some(longest) = rule.max_length.filter(|longest| length > *longest) {
        return Err(format!("value may only be {longest} characters long"));
    }
    if let Some(shortest) = rule.min_length.filter(|shortest| length < *shortest) {
        return Err(format!("value must be at least {shortest} characters long"));
    }
    if matches!(rule.kind, Kind::Integer | Kind::Number)
        && let Ok(number) = text.parse::<f64>()
    {
        if let Some(minimum) = rule.minimum.filter(|minimum| number < *minimum) {
            return Err(format!("value must have a minimum value of {minimum}"));
        }
        if let Some(maximum) = rule.maximum.filter(|maximum| number > *maximum) {
            return Err(format!("value must have a maximum value of {maximum}"));
        }
    }
    if !rule.choices.is_empty() && !rule.choices.iter().any(|choice| choice == text) {
        let choices = rule.choices.join(", ");
        return Err(format!("value '{text}' does not have a value in the enumeration '{choices}'"));
    }
    Ok(())
}

fn has_kind(kind: Kind, text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match kind {
        Kind::Text | Kind::Array => true,
        Kind::Boolean => matches!(text, "0" | "1"),
        Kind::Integer => !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()),
        Kind::Number => unsigned.parse::<f64>().is_ok_and(f64::is_finite),
    }
}

fn named(path: &str, name: &str, text: &str) -> Result<(), String> {
    if let Some(rules) = super::schema::named_format(name) {
        let values = properties(path, rules, text)?;
        return formats::check_together(name, &values);
    }
    formats::check(name, text)
}

/// Reads and checks a property string.
pub fn properties(path: &str, rules: &Rules, text: &str) -> Result<Values, String> {
    let values = property::parse(rules, text)?;
    let mut errors = Errors::new();
    for (name, rule) in rules.iter().filter(|(_, rule)| rule.alias.is_none()) {
        match values.get(name) {
            Some(text) => value(&format!("{path}.{name}"), rule, text, &mut errors),
            None if !rule.optional => {
                errors.insert(format!("{path}.{name}"), MISSING.to_owned());
            }
            None => {}
        }
    }
    for name in values.keys() {
        match rules.get(name) {
            None => {
                errors.insert(format!("{path}.{name}"), UNKNOWN.to_owned());
            }
            Some(Rule { requires: Some(other), .. }) if !values.contains_key(other) => {
                errors.insert(
                    format!("{path}.{other}"),
                    format!("missing property required by '{path}.{name}'"),
                );
            }
            Some(_) => {}
        }
    }
    if errors.is_empty() {
        return Ok(values);
    }
    let lines: String = errors.iter().map(|(name, message)| format!("{name}: {message}\n")).collect();
    Err(format!("format error\n{lines}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::body;
    use crate::pve::schema::methods;

    #[track_caller]
    fn check(verb: &str, path: &str, form: &str, expected: &[(&str, &str)]) {
        let method = methods().iter().find(|method| method.path == path && method.verb == verb).unwrap();
        let expected: Errors =
            expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        assert_eq!(request(method, &body::form(form.as_bytes())), expected);
    }

    fn on_config(form: &str, expected: &[(&str, &str)]) {
        check("PUT", "/nodes/{node}/qemu/{vmid}/config", &format!("node=pve1&vmid=200&{form}"), expected);
    }

    #[test]
    fn unknown_and_missing_parameters_are_both_told() {
        check("POST", "/nodes/{node}/qemu", "node=pve1&bogus=1", &[("bogus", UNKNOWN), ("vmid", MISSING)]);
    }

    #[test]
    fn types_are_strict() {
        on_config("cores=2.5", &[("cores", "type check ('integer') failed - got '2.5'")]);
        on_config("onboot=yes", &[("onboot", "type check ('boolean') failed - got 'yes'")]);
        on_config("cpulimit=999", &[("cpulimit", "value must have a maximum value of 128")]);
    }

    #[test]
    fn property_strings_are_checked_by_their_own_rules() {
        on_config(
            "net0=virtioo%2Cbridge%3Dvmbr0",
            &[(
                "net0",
                "invalid format - format error\nnet0.model: value 'virtioo' does not have a value in the enumeration 'e1000, e1000-82540em, e1000-82544gc, e1000-82545em, e1000e, i82551, i82557b, i82559er, ne2k_isa, ne2k_pci, pcnet, rtl8139, virtio, vmxnet3'\n",
            )],
        );
        on_config(
            "ipconfig0=gw%3D192.0.2.1",
            &[(
                "ipconfig0",
                "invalid format - format error\nipconfig0.ip: missing property required by 'ipconfig0.gw'\n",
            )],
        );
        on_config("agent=enabled%3Don", &[]);
    }

    #[test]
    fn slots_beyond_the_last_are_unknown() {
        on_config("scsi31=local%3A1", &[("scsi31", UNKNOWN)]);
        on_config("net32=virtio", &[("net32", UNKNOWN)]);
    }
}
