//! Configuration files made of sections, as most of the cluster's files are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::Failure;
use super::handlers::Request;
use super::schema::{Kind, Rules, methods};
use super::state::{Lab, Options, digest};

/// What a stale digest is answered with.
pub const MODIFIED: &str = "detected modified configuration - file changed by other user? Try again.";

/// One section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// Its name.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Scalars, as text.
    pub options: Options,
    /// Arrays.
    pub lists: BTreeMap<String, Vec<String>>,
}

/// One file; its sections keep the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct File {
    /// The sections.
    pub entries: Vec<Entry>,
}

impl File {
    /// The section with this name.
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The section with this name.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    /// Removes a section; tells whether it was there.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.id != id);
        self.entries.len() < before
    }

    /// Text of the file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            text.push_str(&format!("{}: {}\n", entry.kind, entry.id));
            entry.options.iter().for_each(|(key, value)| text.push_str(&format!("\t{key} {value}\n")));
            for (key, values) in &entry.lists {
                values.iter().for_each(|value| text.push_str(&format!("\t{key} {value}\n")));
            }
            text.push('\n');
        }
        text
    }

    /// Digest of the file.
    pub fn digest(&self) -> String {
        digest(&self.text())
    }

    /// Refuses if the request carries the digest of an older file.
    pub fn check_digest(&self, request: &Request) -> Result<(), Failure> {
        match request.params.text("digest") {
            Some(given) if given != self.digest() => Err(Failure::died(MODIFIED)),
            _ => Ok(()),
        }
    }
}

impl Entry {
    /// A section with what the request carries, its name and type aside.
    pub fn of(id: &str, kind: &str, request: &Request, name_key: &str) -> Self {
        let mut entry = Self { id: id.to_owned(), kind: kind.to_owned(), ..Self::default() };
        entry.assign(request, &[name_key, "type"]);
        entry
    }

    /// Removes what `delete` names, then sets what the request carries.
    pub fn assign(&mut self, request: &Request, skip: &[&str]) {
        for name in request.params.list("delete").unwrap_or_default() {
            self.options.remove(&name);
            self.lists.remove(&name);
        }
        let below_node = request.method.path.contains("{node}");
        let control = |key: &str| {
            matches!(key, "delete" | "digest") || (key == "node" && below_node) || skip.contains(&key)
        };
        for key in request.params.0.keys().filter(|key| !control(key)) {
            let is_list = request.method.parameters.get(key).is_some_and(|rule| rule.kind == Kind::Array);
            if is_list {
                self.lists.insert(key.clone(), request.params.array(key).unwrap_or_default());
            } else if let Some(text) = request.params.text(key) {
                self.options.insert(key.clone(), text.to_owned());
            }
        }
    }

    /// The section as answers show it: numbers and booleans by the rules, the rest as text.
    pub fn shown(&self, rules: &Rules) -> Map<String, Value> {
        let mut shown = shown(&self.options, rules);
        shown.extend(self.lists.iter().map(|(key, values)| (key.clone(), Value::from(values.clone()))));
        shown
    }
}

/// Options as answers show them: numbers and booleans by the rules, the rest as text.
pub fn shown(options: &Options, rules: &Rules) -> Map<String, Value> {
    options
        .iter()
        .map(|(key, text)| {
            let kind = rules.get(key).map(|rule| rule.kind);
            let value = match kind {
                Some(Kind::Boolean | Kind::Integer) => text.parse::<i64>().map(Value::from).ok(),
                Some(Kind::Number) => text.parse::<f64>().map(Value::from).ok(),
                _ => None,
            };
            (key.clone(), value.unwrap_or_else(|| Value::from(text.as_str())))
        })
        .collect()
}

/// Rules of a method's parameters.
pub fn rules(verb: &str, path: &str) -> &'static Rules {
    static NONE: Rules = Rules::new();
    methods()
        .iter()
        .find(|method| method.verb == verb && method.path == path)
        .map_or(&NONE, |method| &method.parameters)
}

impl Lab {
    /// A file of the cluster's configuration; an absent one is empty.
    pub fn file(&self, name: &str) -> File {
        self.files.get(name).cloned().unwrap_or_default()
    }

    /// A file of the cluster's configuration, made when it is absent.
    pub fn file_mut(&mut self, name: &str) -> &mut File {
        self.files.entry(name.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_numbers_only_where_the_schema_says_so() {
        let options: Options = [("disable", "1"), ("port", "8086"), ("server", "7")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        let shown = shown(&options, rules("POST", "/cluster/metrics/server/{id}"));
        assert_eq!(Value::Object(shown), serde_json::json!({"disable": 1, "port": 8086, "server": "7"}));
    }

    #[test]
    fn the_digest_of_a_file_follows_its_sections() {
        let mut file = File::default();
        assert_eq!(file.digest(), digest(""));
        file.entries.push(Entry { id: "a".to_owned(), kind: "vm".to_owned(), ..Entry::default() });
        let with_one = file.digest();
        assert!(file.remove("a") && !file.remove("a"));
        assert_ne!(with_one, file.digest());
    }
}
