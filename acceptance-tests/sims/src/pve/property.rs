//! Property strings: `key=value` pairs separated by commas, one value possibly without its key.

use std::collections::BTreeMap;

use super::schema::{Kind, Rules};

/// Values by property name, aliases resolved.
pub type Values = BTreeMap<String, String>;

/// Reads a property string by its rules, in upstream's words on failure; checks no values.
pub fn parse(rules: &Rules, text: &str) -> Result<Values, String> {
    let mut values = Values::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        match part.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                named(rules, &mut values, key, value)?
            }
            Some(_) => return Err("missing key in comma-separated list property\n".to_owned()),
            None => keyless(rules, &mut values, part)?,
        }
    }
    Ok(values)
}

fn named(rules: &Rules, values: &mut Values, key: &str, value: &str) -> Result<(), String> {
    if values.contains_key(key) {
        return Err(format!("duplicate key in comma-separated list property: {key}\n"));
    }
    let mut target = key;
    if let Some(alias) = rules.get(key).and_then(|rule| rule.alias.as_deref()) {
        if let Some(key_alias) = rules.get(key).and_then(|rule| rule.key_alias.as_deref()) {
            if values.contains_key(key_alias) {
                return Err(format!("key alias '{key_alias}' is already defined\n"));
            }
            values.insert(key_alias.to_owned(), key.to_owned());
        }
        target = alias;
    }
    let value = match rules.get(target) {
        Some(rule) if rule.kind == Kind::Boolean => boolean(value),
        _ => value.to_owned(),
    };
    values.insert(target.to_owned(), value);
    Ok(())
}

fn keyless(rules: &Rules, values: &mut Values, value: &str) -> Result<(), String> {
    let Some((name, rule)) = rules.iter().find(|(_, rule)| rule.default_key) else {
        return Err("value without key, but schema does not define a default key\n".to_owned());
    };
    if values.contains_key(name) {
        return Err(format!("duplicate key in comma-separated list property: {name}\n"));
    }
    let value = if rule.kind == Kind::Boolean { boolean(value) } else { value.to_owned() };
    values.insert(name.clone(), value);
    Ok(())
}

/// `on`, `yes`, `true` and their opposites as `1` and `0`; anything else unchanged.
pub fn boolean(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => "1".to_owned(),
        "0" | "off" | "no" | "false" => "0".to_owned(),
        _ => text.to_owned(),
    }
}

/// Prints values: the key-less one first, then the others by name, without those in `skip`.
pub fn print(rules: &Rules, values: &Values, skip: &[&str]) -> String {
    let default = rules.iter().find(|(_, rule)| rule.default_key).map(|(name, _)| name.as_str());
    let first = default.and_then(|name| values.get(name)).cloned();
    let rest = values
        .iter()
        .filter(|(name, _)| Some(name.as_str()) != default && !skip.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}={value}"));
    first.into_iter().chain(rest).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::schema::{Format, methods};

    fn rules(parameter: &str) -> &'static Rules {
        let create = methods()
            .iter()
            .find(|method| method.path == "/nodes/{node}/qemu" && method.verb == "POST")
            .unwrap();
        match &create.parameters[parameter].format {
            Some(Format::Properties(rules)) => rules,
            other => panic!("{parameter} is {other:?}"),
        }
    }

    #[test]
    fn a_key_alias_names_two_properties_at_once() {
        let values = parse(rules("net0"), "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=on").unwrap();
        let expected =
            [("bridge", "vmbr0"), ("firewall", "1"), ("macaddr", "BC:24:11:00:00:01"), ("model", "virtio")];
        assert_eq!(values, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn the_key_less_value_is_printed_first() {
        let values = parse(rules("scsi0"), "ssd=1,local:32,discard=on").unwrap();
        assert_eq!(print(rules("scsi0"), &values, &[]), "local:32,discard=on,ssd=1");
    }

    #[test]
    fn a_value_without_key_needs_a_default_key() {
        let rules = Rules::new();
        assert_eq!(
            parse(&rules, "nonsense").unwrap_err(),
            "value without key, but schema does not define a default key\n"
        );
    }
}
