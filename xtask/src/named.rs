//! What the documents name has to exist: tests, files and folders, and where their links lead.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::process::root;

/// The documents that speak of the tree as it is; the generated pages have a test of their own.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/verification.md",
    "docs/guides/modules.md",
    "acceptance-tests/sims/README.md",
    "examples/stacks/homelab/README.md",
    "proto/README.md",
];

/// A word with that many parts is the name of a test, as names of tests are sentences.
const SENTENCE: usize = 4;

/// The tree, as far as documents name it.
struct Tree {
    /// Every file and folder, from the root, each beginning with a `/`.
    paths: Vec<String>,
    /// The names of all functions.
    functions: BTreeSet<String>,
}

/// Looks at every document.
pub fn run() -> Outcome {
    let broken = broken()?;
    if broken.is_empty() {
        println!("named: every test, file and link that the documents name is there");
        return Ok(());
    }
    Err(format!("the documents name what is not there:\n  {}", broken.join("\n  ")))
}

/// What the documents name and the tree has not.
fn broken() -> Outcome<Vec<String>> {
    let tree = Tree::read()?;
    let mut found = Vec::new();
    for document in documents()? {
        let text = std::fs::read_to_string(root().join(&document))
            .map_err(|error| format!("cannot read {}: {error}", document.display()))?;
        let missing = words(&text).filter(|word| !tree.has(word)).map(|word| format!("`{word}`"));
        let folder = document.parent().unwrap_or(Path::new(""));
        let dead = links(&text).filter(|link| !root().join(folder).join(link).exists()).map(str::to_owned);
        found.extend(missing.chain(dead).map(|name| format!("{}: {name}", document.display())));
    }
    Ok(found)
}

/// Those listed, the decisions and the READMEs of the modules.
fn documents() -> Outcome<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = DOCUMENTS.iter().map(PathBuf::from).collect();
    found.extend(inside("docs/adr")?);
    found.extend(inside("modules")?.into_iter().map(|module| module.join("README.md")));
    Ok(found)
}

/// What is in a folder, in the order of the alphabet.
fn inside(folder: &str) -> Outcome<Vec<PathBuf>> {
    let entries = std::fs::read_dir(root().join(folder))
        .map_err(|error| format!("cannot read the folder {folder}: {error}"))?;
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| Path::new(folder).join(entry.file_name())).collect();
    found.sort();
    Ok(found)
}

impl Tree {
    fn read() -> Outcome<Self> {
        let mut tree = Self { paths: Vec::new(), functions: BTreeSet::new() };
        tree.enter(&root(), "").map_err(|error| format!("cannot read the repository: {error}"))?;
        Ok(tree)
    }

    fn enter(&mut self, folder: &Path, name: &str) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let last = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = format!("{name}/{last}");
            if path.is_dir() {
                if last != "target" && last != ".git" {
                    self.enter(&path, &name)?;
                    self.paths.push(name + "/");
                }
                continue;
            }
            if path.extension().is_some_and(|ending| ending == "rs") {
                self.functions.extend(functions(&std::fs::read_to_string(&path)?));
            }
            self.paths.push(name);
        }
        Ok(())
    }

    /// Whether a word between backticks is there, or names nothing that could be.
    fn has(&self, word: &str) -> bool {
        if is_sentence(word) {
            return self.functions.contains(word);
        }
        let is_file = [".rs", ".md", ".toml", ".tf", ".hcl"].iter().any(|ending| word.ends_with(ending));
        let is_folder = word.ends_with('/') && !word.starts_with('/');
        !(is_file || is_folder) || self.paths.iter().any(|path| path.ends_with(&format!("/{word}")))
    }
}

/// What stands between backticks on one line and is one word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(str::lines)
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|word| !word.is_empty() && !word.contains([' ', '*', '<', '$']))
}

/// Where a document leads within the repository, without the part of a page.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets
        .filter(|target| !target.contains("://"))
        .map(|target| target.split_once('#').map_or(target, |(file, _)| file))
        .filter(|file| !file.is_empty())
}

fn is_sentence(word: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    // Names of resources are made of as many words.
    word.chars().all(plain) && word.split('_').count() >= SENTENCE && !word.starts_with("homelab_")
}

/// The names of the functions in a source file.
fn functions(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter_map(|line| line.split_once("fn ")?.1.split_once(['(', '<']))
        .map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_file_and_link_of_the_documents_is_there() {
        assert_eq!(broken().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_there_is_found_and_other_words_are_let_be() {
        let tree = Tree {
            paths: vec!["/suite/tests/vm.rs".to_owned(), "/suite/tests/".to_owned()],
            functions: functions("    async fn a_machine_lives_long() {}\nfn of<T>() {}\n").collect(),
        };
        let text = "`vm.rs`, `vms.rs` and `tests/vm.rs` in `suite/tests/`, not `suite/src/`: `a_machine_lives_long`, \
                    `a_machine_lives_for_ever`, `vm_id`, `cargo xtask docs`\n```\n`none.rs`\n```\n";
        let missing: Vec<&str> = words(text).filter(|word| !tree.has(word)).collect();
        assert_eq!(missing, ["vms.rs", "suite/src/", "a_machine_lives_for_ever"]);
    }

    #[test]
    fn links_out_of_the_repository_and_within_a_page_are_not_looked_at() {
        let text = "[a](docs/a.md#b), [c](https://example.org/c), [d](#d) and [e](../e/)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/a.md", "../e/"]);
    }
}
