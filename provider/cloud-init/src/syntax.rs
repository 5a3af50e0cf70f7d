//! Whether a document can be read as YAML at all. cloud-init takes one that cannot for empty, and the guest comes up
//! without users and networks.

use std::fmt;

use yaml_rust2::parser::{Event, EventReceiver, Parser};

/// Where a document stops being YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct BrokenYaml {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there.
    what: String,
}

impl fmt::Display for BrokenYaml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

/// Only the syntax is of interest.
struct Ignore;

impl EventReceiver for Ignore {
    fn on_event(&mut self, _: Event) {}
}

/// Reads a document to its end.
///
/// # Errors
///
/// Where it stops being YAML.
pub fn check_yaml(text: &str) -> Result<(), BrokenYaml> {
    Parser::new_from_str(text).load(&mut Ignore, true).map_err(|error| BrokenYaml {
        line: error.marker().line(),
        column: error.marker().col() + 1,
        what: error.info().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_yaml_or_the_place_is_told() {
        for right in [
            "",
            "#cloud-config\npackages: [curl]\n",
            "#cloud-config\n{\"users\": [\"default\"]}",
            "a: 1\na: 2\n",
            "runcmd:\n  - [sh, -c, 'echo \"a: b\"']\n  - |\n    echo: x\n     y\n",
            "disable_root: yes\nmode: 0644\nkey: ssh-ed25519 AAAA== me@host # note\n",
            "a: &x {b: 1}\nc:\n  <<: *x\n",
            "version: 2\r\nethernets: {}\r\n",
        ] {
            assert_eq!(check_yaml(right), Ok(()), "{right}");
        }
        for (wrong, line) in [
            ("#cloud-config\npackages:\n  - curl\n - git\n", 4),
            ("#cloud-config\nusers:\n\t- default\n", 3),
            ("a: [1, 2\nb: 3\n", 2),
            ("a: 'b\n", 1),
            ("hostname: web\n  fqdn: web.example\n", 2),
        ] {
            assert_eq!(check_yaml(wrong).map_err(|broken| broken.line), Err(line), "{wrong}");
        }
    }
}
