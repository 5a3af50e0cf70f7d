//! The upstream schema, read from facts: which parameters a method takes and what they must look like.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// Facts about every method of the API, one a line; the first line names their origin.
const METHODS: &str = include_str!("../../../spec/pve-api.jsonl");
/// Facts about property-string formats that methods name.
const FORMATS: &str = include_str!("../../../spec/pve-formats.json");

/// Bytes that one compiled pattern may take; a repeated class of Unicode letters is large.
const LARGEST_PATTERN: usize = 64 << 20;

/// Rules by property name.
pub type Rules = BTreeMap<String, Rule>;

/// One method of one path.
#[derive(Debug)]
pub struct Method {
    /// Path with `{placeholders}`.
    pub path: String,
    /// HTTP verb.
    pub verb: String,
    /// Rules of the parameters.
    pub parameters: Rules,
    /// Whether other parameters are accepted.
    pub additional: bool,
    /// Whether an API token may call it.
    pub allow_token: bool,
    /// Whether the call is forwarded to the node it names.
    pub proxied: bool,
    /// The permission expression; null when only root may call.
    pub permissions: Value,
    /// Where an index method's entries lead, such as `{subdir}`.
    pub links: Vec<String>,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any scalar.
    Text,
    /// Whole number.
    Integer,
    /// Number.
    Number,
    /// `0` or `1`.
    Boolean,
    /// Repeated key.
    Array,
}

impl Kind {
    /// The name that messages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
        }
    }
}

/// What a value's text must look like.
#[derive(Debug)]
pub enum Format {
    /// A format that upstream names.
    Named(String),
    /// A property string with these properties.
    Properties(Rules),
}

/// Rules of one property.
#[derive(Debug)]
pub struct Rule {
    /// Type.
    pub kind: Kind,
    /// May be absent.
    pub optional: bool,
    /// Smallest number.
    pub minimum: Option<f64>,
    /// Greatest number.
    pub maximum: Option<f64>,
    /// Shortest text, in characters.
    pub min_length: Option<usize>,
    /// Longest text, in characters.
    pub max_length: Option<usize>,
    /// The only values, in upstream's order.
    pub choices: Vec<String>,
    /// A Perl regular expression.
    pub pattern: Option<Pattern>,
    /// Format of the text.
    pub format: Option<Format>,
    /// Another property that must be there too.
    pub requires: Option<String>,
    /// Marks the key-less value of a property string.
    pub default_key: bool,
    /// The property that this name stands for.
    pub alias: Option<String>,
    /// The property that takes this name as its value.
    pub key_alias: Option<String>,
    /// Rule of an array's elements.
    pub items: Option<Box<Rule>>,
}

/// A regular expression, compiled when first needed.
#[derive(Debug)]
pub struct Pattern {
    perl: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn new(perl: &str) -> Self {
        Self { perl: perl.to_owned(), compiled: OnceLock::new() }
    }

    /// Whether the whole text matches; a pattern that cannot be compiled matches everything.
    pub fn matches(&self, text: &str) -> bool {
        self.regex().is_none_or(|regex| regex.is_match(text))
    }

    fn regex(&self) -> Option<&Regex> {
        self.compiled
            .get_or_init(|| {
                RegexBuilder::new(&format!("^(?:{})$", translated(&self.perl)))
                    .size_limit(LARGEST_PATTERN)
                    .build()
                    .ok()
            })
            .as_ref()
    }
}

/// Perl's stringified regular expressions carry `(?^flags:`, which Rust's crate writes `(?flags:`.
fn translated(perl: &str) -> String {
    perl.replace("(?^:", "(?:")
        .replace("(?^u:", "(?:")
        .replace("(?^i:", "(?i:")
        .replace("\\0", "\\x00")
        .replace("{,", "{0,")
        .replace("\\)-_.", "\\)\\-_.")
}

/// Every method, in the order of the facts.
pub fn methods() -> &'static [Method] {
    static LOADED: OnceLock<Vec<Method>> = OnceLock::new();
    LOADED.get_or_init(|| {
        METHODS
            .lines()
            .skip(1)
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|facts| method(&facts))
            .collect()
    })
}

/// The properties of a named property-string format.
pub fn named_format(name: &str) -> Option<&'static Rules> {
    static LOADED: OnceLock<BTreeMap<String, Rules>> = OnceLock::new();
    LOADED
        .get_or_init(|| {
            let facts: Value = serde_json::from_str(FORMATS).unwrap_or_default();
            facts["formats"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, properties)| (name.clone(), rules(properties)))
                .collect()
        })
        .get(name)
}

fn method(facts: &Value) -> Method {
    let text = |key: &str| facts[key].as_str().unwrap_or_default().to_owned();
    let path = text("path");
    let mut parameters = Rules::new();
    for (name, rule_facts) in facts["parameters"].as_object().into_iter().flatten() {
        match name.strip_suffix("[n]") {
            Some(stem) => {
                for index in 0..slots(&path, stem) {
                    parameters.insert(format!("{stem}{index}"), rule(rule_facts));
                }
            }
            None => {
                parameters.insert(name.clone(), rule(rule_facts));
            }
        }
    }
    Method {
        verb: text("method"),
        parameters,
        additional: truthy(&facts["additional_properties"]),
        allow_token: truthy(&facts["allowtoken"]),
        proxied: facts["proxyto"].as_str() == Some("node"),
        permissions: facts["permissions"].clone(),
        links: facts["links"].as_array().into_iter().flatten().filter_map(scalar).collect(),
        path,
    }
}

/// How many slots an indexed option has (qemu-server 9.2, pve-container 6.1, pve-cluster 9.1).
fn slots(path: &str, stem: &str) -> usize {
    let container = path.contains("/lxc");
    match stem {
        "net" | "ipconfig" => 32,
        "scsi" => 31,
        "virtio" | "hostpci" => 16,
        "usb" => 14,
        "virtiofs" => 10,
        "numa" | "link" => 8,
        "sata" | "acmedomain" => 6,
        "ide" | "serial" => 4,
        "parallel" => 3,
        "mp" | "dev" | "unused" if container => 256,
        "unused" => 256,
        _ => 0,
    }
}

/// Reads the properties of an object.
fn rules(facts: &Value) -> Rules {
    facts.as_object().into_iter().flatten().map(|(name, facts)| (name.clone(), rule(facts))).collect()
}

fn rule(facts: &Value) -> Rule {
    let length = |key: &str| facts[key].as_f64().map(|number| number as usize);
    Rule {
        kind: match facts["type"].as_str() {
            Some("integer") => Kind::Integer,
            Some("number") => Kind::Number,
            Some("boolean") => Kind::Boolean,
            Some("array") => Kind::Array,
            _ => Kind::Text,
        },
        optional: truthy(&facts["optional"]),
        minimum: facts["minimum"].as_f64(),
        maximum: facts["maximum"].as_f64(),
        min_length: length("minLength"),
        max_length: length("maxLength"),
        choices: facts["enum"].as_array().into_iter().flatten().filter_map(scalar).collect(),
        pattern: facts["pattern"].as_str().map(Pattern::new),
        format: match &facts["format"] {
            Value::String(name) => Some(Format::Named(name.clone())),
            properties @ Value::Object(_) => Some(Format::Properties(rules(properties))),
            _ => None,
        },
        requires: facts["requires"].as_str().map(str::to_owned),
        default_key: truthy(&facts["default_key"]),
        alias: facts["alias"].as_str().map(str::to_owned),
        key_alias: facts["keyAlias"].as_str().map(str::to_owned),
        items: facts["items"].is_object().then(|| Box::new(rule(&facts["items"]))),
    }
}

/// Perl's idea of true.
fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::String(text) => !matches!(text.as_str(), "" | "0"),
        other => other.as_f64().is_none_or(|number| number != 0.0),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns<'a>(rules: &'a Rules, found: &mut Vec<&'a Pattern>) {
        for rule in rules.values() {
            found.extend(&rule.pattern);
            if let Some(Format::Properties(inner)) = &rule.format {
                patterns(inner, found);
            }
        }
    }

    #[test]
    fn every_method_of_the_facts_is_read() {
        assert_eq!(methods().len(), 662);
    }

    #[test]
    fn every_pattern_compiles() {
        let mut found = Vec::new();
        methods().iter().for_each(|method| patterns(&method.parameters, &mut found));
        let broken: Vec<&str> = found
            .iter()
            .filter(|pattern| pattern.regex().is_none())
            .map(|pattern| pattern.perl.as_str())
            .collect();
        assert_eq!(broken, Vec::<&str>::new());
        assert!(found.len() > 200);
    }

    #[test]
    fn every_named_property_string_is_an_object_of_rules() {
        for name in ["prune-backups", "pve-qm-ide", "pve-vm-cpu-conf", "pve-qm-smbios1"] {
            assert!(named_format(name).is_some_and(|rules| !rules.is_empty()), "{name}");
        }
    }

    #[test]
    fn indexed_options_have_their_slots() {
        let create = methods()
            .iter()
            .find(|method| method.path == "/nodes/{node}/qemu" && method.verb == "POST")
            .unwrap();
        assert!(create.parameters.contains_key("scsi30") && !create.parameters.contains_key("scsi31"));
        assert!(create.parameters.contains_key("net31") && !create.parameters.contains_key("net32"));
    }
}
