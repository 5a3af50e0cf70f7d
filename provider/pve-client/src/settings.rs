//! What an object is set to, by wire name, and what has to be sent to change it. For the objects whose
//! API is a bag of options: storages, jobs, mappings, rules, interfaces.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{Call, Error, Params, PropertyString, Pve, Result, Turn, decode};

/// The value of one option.
#[derive(Clone, PartialEq, Eq)]
enum Setting {
    /// A scalar, or a property string.
    Text(String),
    /// An array, sent as a repeated parameter.
    List(Vec<String>),
}

/// Options by wire name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, Setting>);

// Values may be passwords, so only the names are printed.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Settings {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads an answer. Objects become property strings, as they were sent; the line break that some
    /// endpoints add to descriptions goes, and so does what is empty.
    pub(crate) fn decode(data: &Map<String, Value>) -> Self {
        let setting = |value: &Value| match value {
            Value::Array(items) => {
                let items: Vec<String> = items.iter().filter_map(scalar).collect();
                (!items.is_empty()).then_some(Setting::List(items))
            }
            Value::Object(map) => {
                let options = decode::scalars(map);
                let text = PropertyString { default: None, options }.to_string();
                (!text.is_empty()).then_some(Setting::Text(text))
            }
            other => scalar(other).filter(|text| !text.is_empty()).map(Setting::Text),
        };
        Self(data.iter().filter_map(|(name, value)| Some((name.clone(), setting(value)?))).collect())
    }

    /// Sets an option.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.0.insert(name.to_owned(), Setting::Text(value.to_string()));
        self
    }

    /// Sets an option if there is a value.
    #[must_use]
    pub fn opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Sets a boolean if there is one.
    #[must_use]
    pub fn bool(self, name: &str, value: Option<bool>) -> Self {
        self.opt(name, value.map(u8::from))
    }

    /// Sets a comma list if it is not empty.
    #[must_use]
    pub fn words<T: ToString>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let words: Vec<String> = values.into_iter().map(|word| word.to_string()).collect();
        self.opt(name, (!words.is_empty()).then(|| words.join(",")))
    }

    /// Sets an array if it is not empty.
    #[must_use]
    pub fn list<T: ToString>(mut self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let items: Vec<String> = values.into_iter().map(|item| item.to_string()).collect();
        if !items.is_empty() {
            self.0.insert(name.to_owned(), Setting::List(items));
        }
        self
    }

    /// Sets a property string if it has a value.
    #[must_use]
    pub fn properties(self, name: &str, value: &PropertyString) -> Self {
        let text = value.to_string();
        self.opt(name, (!text.is_empty()).then_some(text))
    }

    /// Adds all of another bag.
    #[must_use]
    pub fn and(mut self, other: Settings) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The others.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(kept.map(|(name, setting)| (name.clone(), setting.clone())).collect())
    }

    /// The text of an option.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Setting::Text(text) => Some(text),
            Setting::List(items) => items.first().map(String::as_str),
        }
    }

    /// The text of an option by itself.
    pub fn string(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// An option that reads as another type.
    pub fn parsed<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// An option that is a whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(decode::int_text)
    }

    /// An option that is a boolean.
    pub fn truth(&self, name: &str) -> Option<bool> {
        self.text(name).and_then(decode::truth_text)
    }

    /// The words of a list separated by commas, semicolons or blanks; none if it is not set.
    pub fn word_set(&self, name: &str) -> Option<BTreeSet<String>> {
        self.text(name).map(|text| decode::words(text).map(str::to_owned).collect())
    }

    /// The items of an array; a scalar is an array of one.
    pub fn items(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Setting::List(items)) => items.clone(),
            Some(Setting::Text(text)) => vec![text.clone()],
            None => Vec::new(),
        }
    }

    /// A property string; `default_key` is the name that its key-less value may carry.
    pub fn property(&self, name: &str, default_key: Option<&str>) -> Option<PropertyString> {
        PropertyString::parse(self.text(name)?, default_key).ok()
    }

    /// The options as parameters, by name.
    pub fn params(&self) -> Params {
        let mut params = Params::new();
        for (name, setting) in &self.0 {
            match setting {
                Setting::Text(text) => params.push(name, text),
                Setting::List(items) => items.iter().for_each(|item| params.push(name, item)),
            }
        }
        params
    }

    /// What leads from these options to others: only the differences.
    pub fn changes_to(&self, want: &Settings) -> Changes {
        let set = want.0.iter().filter(|(name, setting)| self.0.get(*name) != Some(*setting));
        let delete = self.0.keys().filter(|name| !want.0.contains_key(*name));
        Changes {
            set: Settings(set.map(|(name, setting)| (name.clone(), setting.clone())).collect()),
            delete: delete.cloned().collect(),
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    decode::text(value).map(|text| text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

/// Options to set and to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is set.
    pub set: Settings,
    /// What loses its value.
    pub delete: BTreeSet<String>,
}

impl Changes {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.set.0.is_empty() && self.delete.is_empty()
    }

    /// The parameters: what is set by name, then `delete`.
    pub fn params(&self) -> Params {
        self.set.params().list("delete", &self.delete)
    }
}

/// How often a change is tried that meets a change by somebody else.
const ATTEMPTS: usize = 5;

impl Pve {
    pub(crate) async fn settings(&self, path: &str) -> Result<Settings> {
        Ok(Settings::decode(&self.object(&Call::get(path)).await?))
    }

    pub(crate) async fn settings_list(&self, call: &Call) -> Result<Vec<Settings>> {
        Ok(self.objects(call).await?.iter().map(Settings::decode).collect())
    }

    /// Changes an object against the digest it has now. The digest covers the whole file, so a change
    /// of a neighbour makes it stale: our own changes of one file take turns, and as only differences
    /// are sent, trying again after somebody else's is safe.
    pub(crate) async fn change(&self, path: &str, changes: &Changes, more: Params) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let file = path.rsplit_once('/').map_or(path, |(list, _)| list);
        let _turn = self.take(Turn::File(file.to_owned())).await?;
        let mut attempt = 1;
        loop {
            let digest = self.settings(path).await?.text("digest").map(str::to_owned);
            let params = changes.params().and(more.clone()).opt("digest", digest);
            match self.send(&Call::put(path).with(params)).await {
                Err(Error::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => return result.map(drop),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decoded(value: Value) -> Settings {
        Settings::decode(value.as_object().unwrap())
    }

    #[test]
    fn answers_of_every_shape_become_what_was_sent() {
        let got = decoded(json!({
            "prune-backups": {"keep-weekly": "4", "keep-daily": "7"},
            "map": ["id=8086:1521,node=pve1", "id=8086:1522,node=pve2"],
            "description": "node notes\n", "enabled": 1, "tokens": null, "bridge_ports": "", "mtu": "1400",
        }));
        assert_eq!(got.text("prune-backups"), Some("keep-daily=7,keep-weekly=4"));
        assert_eq!(got.items("map").len(), 2);
        assert_eq!(got.text("description"), Some("node notes"));
        assert_eq!((got.truth("enabled"), got.int("mtu")), (Some(true), Some(1400)));
        assert_eq!((got.text("tokens"), got.text("bridge_ports")), (None, None));
    }

    #[test]
    fn only_differences_are_sent_and_arrays_are_repeated() {
        let before = Settings::new().set("comment", "c").set("content", "iso").list("map", ["a"]);
        let after = Settings::new().set("content", "iso").list("map", ["a", "b"]).bool("mdev", Some(false));
        let changes = before.changes_to(&after);
        let call = Call::put("/x").with(changes.params());
        assert_eq!(call.wire(), "PUT /api2/json/x map=a&map=b&mdev=0&delete=comment");
        assert!(after.changes_to(&after).is_empty());
    }
}
