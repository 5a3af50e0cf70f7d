//! Which method a path and a verb mean.

use std::collections::{BTreeMap, HashMap};

use super::schema::{self, Method};

/// Placeholders that take the rest of the path, slashes included.
const GREEDY: &str = "{volume}";

/// Finds methods.
pub struct Router {
    by_length: HashMap<usize, Vec<Candidate>>,
}

struct Candidate {
    segments: Vec<&'static str>,
    methods: BTreeMap<&'static str, &'static Method>,
}

/// What a path means.
pub struct Found {
    /// The method.
    pub method: &'static Method,
    /// Values of the placeholders.
    pub captured: BTreeMap<String, String>,
}

impl Router {
    /// A router over every method of the facts.
    pub fn new() -> Self {
        let mut paths: BTreeMap<&str, Candidate> = BTreeMap::new();
        for method in schema::methods() {
            paths
                .entry(&method.path)
                .or_insert_with(|| Candidate { segments: segments(&method.path), methods: BTreeMap::new() })
                .methods
                .insert(&method.verb, method);
        }
        let mut by_length: HashMap<usize, Vec<Candidate>> = HashMap::new();
        for candidate in paths.into_values() {
            by_length.entry(candidate.segments.len()).or_default().push(candidate);
        }
        Self { by_length }
    }

    /// The method for a verb and a decoded path without `/api2/<format>`.
    pub fn find(&self, verb: &str, path: &str) -> Option<Found> {
        let given = segments(path);
        let best = self.exact(&given, verb).or_else(|| self.greedy(&given, verb))?;
        let last = best.segments.len().saturating_sub(1);
        let captured = best.segments.iter().enumerate().filter_map(|(index, segment)| {
            let name = segment.strip_prefix('{')?.strip_suffix('}')?;
            let value = if index == last && *segment == GREEDY {
                given[index..].join("/")
            } else {
                given[index].to_owned()
            };
            Some((name.to_owned(), value))
        });
        Some(Found { method: best.methods.get(verb)?, captured: captured.collect() })
    }

    fn exact(&self, given: &[&str], verb: &str) -> Option<&Candidate> {
        self.by_length
            .get(&given.len())?
            .iter()
            .filter(|candidate| candidate.methods.contains_key(verb))
            .filter(|candidate| fits(&candidate.segments, given))
            .max_by_key(|candidate| specificity(&candidate.segments))
    }

    fn greedy(&self, given: &[&str], verb: &str) -> Option<&Candidate> {
        (1..given.len()).rev().find_map(|length| {
            self.by_length.get(&length)?.iter().find(|candidate| {
                candidate.segments.last() == Some(&GREEDY)
                    && candidate.methods.contains_key(verb)
                    && fits(&candidate.segments, &given[..length])
            })
        })
    }
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

fn fits(template: &[&str], given: &[&str]) -> bool {
    template.iter().zip(given).all(|(wanted, found)| wanted.starts_with('{') || wanted == found)
}

/// Literal segments win over placeholders, earlier ones first.
fn specificity(template: &[&str]) -> Vec<bool> {
    template.iter().map(|segment| !segment.starts_with('{')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(verb: &str, path: &str, template: Option<&str>, captured: &[(&str, &str)]) {
        let found = Router::new().find(verb, path);
        assert_eq!(found.as_ref().map(|found| found.method.path.as_str()), template);
        let captured: BTreeMap<String, String> =
            captured.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(found.map(|found| found.captured).unwrap_or_default(), captured);
    }

    #[test]
    fn literals_win_over_placeholders() {
        check("GET", "/cluster/ha/status/current", Some("/cluster/ha/status/current"), &[]);
        check("GET", "/pools/x", Some("/pools/{poolid}"), &[("poolid", "x")]);
    }

    #[test]
    fn slashes_may_be_doubled_or_trailing() {
        check("GET", "//version/", Some("/version"), &[]);
        check("GET", "/", Some("/"), &[]);
    }

    #[test]
    fn a_volume_id_may_hold_slashes() {
        check(
            "GET",
            "/nodes/pve1/storage/local/content/local:iso/a.iso",
            Some("/nodes/{node}/storage/{storage}/content/{volume}"),
            &[("node", "pve1"), ("storage", "local"), ("volume", "local:iso/a.iso")],
        );
    }

    #[test]
    fn an_unknown_verb_or_path_is_not_found() {
        check("DELETE", "/version", None, &[]);
        check("GET", "/does/not/exist", None, &[]);
    }
}
