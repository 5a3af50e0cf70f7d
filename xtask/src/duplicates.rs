//! One version of each crate: what `cargo tree` says is there twice must stand in `deny.toml` with its reason.

use std::collections::BTreeMap;

use crate::Outcome;
use crate::process::{capture, command, root};

/// Compares the build with the list.
pub fn run() -> Outcome {
    let arguments =
        ["tree", "--workspace", "--duplicates", "--edges", "normal", "--depth", "0", "--prefix", "none"];
    let tree = capture(command("cargo", &arguments))?;
    let listed = std::fs::read_to_string(root().join("deny.toml"))
        .map_err(|error| format!("cannot read deny.toml: {error}"))?;
    let unlisted = unlisted(&tree, &listed);
    if unlisted.is_empty() {
        println!("duplicates: each crate has one version, apart from those listed in deny.toml");
        return Ok(());
    }
    Err(format!("more than one version, and no reason in deny.toml: {}", unlisted.join(", ")))
}

/// The crates of which more than one version is left when those listed are taken away.
fn unlisted(tree: &str, listed: &str) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) =
            (words.next(), words.next().and_then(|word| word.strip_prefix('v')))
        {
            let known = versions.entry(name).or_default();
            if !known.contains(&version) && !is_listed(name, version, listed) {
                known.push(version);
            }
        }
    }
    let several = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    several.map(|(name, versions)| format!("{name} {}", versions.join(" and "))).collect()
}

/// Whether the list has the crate with this version or the beginning of it.
fn is_listed(name: &str, version: &str, listed: &str) -> bool {
    let parts: Vec<&str> = version.split('.').collect();
    (1..=parts.len()).any(|length| listed.contains(&format!("\"{name}@{}\"", parts[..length].join("."))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_version_needs_a_reason() {
        let tree = "a v1.2.0\n\na v2.0.0\n\nb v0.1.1\n\nb v0.2.0 (*)\n\nb v0.2.0\n";
        assert_eq!(unlisted(tree, "{ crate = \"a@1\", reason = \"x\" }"), ["b 0.1.1 and 0.2.0"]);
        assert_eq!(unlisted(tree, "\"a@1.2\" \"b@0.1\""), Vec::<String>::new());
    }
}
