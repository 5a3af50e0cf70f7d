//! Parameters of a request, as text, the way Perl holds them.

use std::collections::BTreeMap;

/// One parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Param {
    /// A scalar.
    Text(String),
    /// A boolean of a JSON body.
    Flag(bool),
    /// A repeated form key or a JSON array.
    List(Vec<String>),
    /// JSON null: given, but undefined.
    Null,
    /// A JSON object, which no parameter may be.
    Object,
}

/// All parameters by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(pub BTreeMap<String, Param>);

impl Params {
    /// The scalar `name`; empty text counts as given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Param::Text(text) => Some(text),
            Param::Flag(flag) => Some(if *flag { "1" } else { "0" }),
            Param::List(_) | Param::Null | Param::Object => None,
        }
    }

    /// The scalar `name`, or empty text.
    pub fn text_or_empty(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    /// A boolean, if given.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| !matches!(text, "" | "0"))
    }

    /// Whether the boolean is given and true.
    pub fn is_set(&self, name: &str) -> bool {
        self.flag(name).unwrap_or(false)
    }

    /// A number, if given and whole.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// An array parameter; a scalar counts as one element.
    pub fn array(&self, name: &str) -> Option<Vec<String>> {
        match self.0.get(name)? {
            Param::List(items) => Some(items.clone()),
            Param::Null | Param::Object => None,
            _ => self.text(name).map(|text| vec![text.to_owned()]),
        }
    }

    /// A list parameter: separated by `,`, `;`, NUL or blanks; a repeated key works too.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        Some(self.array(name)?.iter().flat_map(|text| split_list(text)).collect())
    }

    /// Whether the parameter was given, even as null.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Names and scalars of everything given as text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.keys().filter_map(|name| Some((name.as_str(), self.text(name)?)))
    }

    /// Sets a scalar.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), Param::Text(value.into()));
    }
}

/// Splits as `PVE::Tools::split_list` does.
pub fn split_list(text: &str) -> Vec<String> {
    text.split([',', ';', '\0', ' ', '\t', '\n']).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_be_separated_by_commas_semicolons_blanks_and_repetition() {
        let mut params = Params::default();
        params.set("delete", "a,b;c d");
        assert_eq!(params.list("delete").unwrap(), ["a", "b", "c", "d"]);
        params.0.insert("delete".to_owned(), Param::List(vec!["a".to_owned(), "b,c".to_owned()]));
        assert_eq!(params.list("delete").unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn a_json_boolean_reads_like_a_form_boolean() {
        let params = Params(BTreeMap::from([("onboot".to_owned(), Param::Flag(false))]));
        assert_eq!(params.text("onboot"), Some("0"));
        assert_eq!(params.flag("onboot"), Some(false));
    }
}
