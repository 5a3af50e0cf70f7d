//! House rules that no lint knows: how long a file may be, how it begins, and what is not written at all.

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::process::root;

/// The longest file, in lines.
const LONGEST: usize = 400;

/// What is not written, and what is instead.
const REFUSED: [(&str, &str); 4] = [
    ("#[allow(", "`#[expect(…, reason = \"…\")]`"),
    ("#![allow(", "`#![expect(…, reason = \"…\")]`"),
    ("#[ignore]", "a test that can run everywhere, or `#[ignore = \"…\"]`"),
    ("// TODO", "an issue"),
];

/// Looks at every source file.
pub fn run() -> Outcome {
    let mut files = Vec::new();
    for folder in ["provider", "acceptance-tests", "xtask"] {
        collect(&root().join(folder), &mut files)
            .map_err(|error| format!("cannot read the folder {folder}: {error}"))?;
    }
    files.sort();
    let mut broken = Vec::new();
    for file in files {
        let name = file.strip_prefix(root()).unwrap_or(&file).display();
        let text = std::fs::read_to_string(&file).map_err(|error| format!("cannot read {name}: {error}"))?;
        broken.extend(mistakes(&text).into_iter().map(|mistake| format!("{name}{mistake}")));
    }
    if broken.is_empty() {
        println!("house: every file keeps the rules");
        return Ok(());
    }
    Err(format!("house rules are broken:\n  {}", broken.join("\n  ")))
}

/// The source files of a folder and of those in it.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !is_left_out(&path) {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// Mistakes for the macros' tests to find, and what was built.
fn is_left_out(folder: &Path) -> bool {
    folder.ends_with("ui") || folder.ends_with("target")
}

/// What is wrong with a file, each beginning with where it is.
fn mistakes(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//! ") {
        found.push(": the first line does not say what the file owns (`//! …`)".to_owned());
    }
    let length = text.lines().count();
    if length > LONGEST {
        found.push(format!(": {length} lines; split what it owns, {LONGEST} are enough for one subject"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let refused = REFUSED.iter().filter(|(word, _)| line.trim_start().starts_with(word));
        found.extend(refused.map(|(word, instead)| format!(":{number}: `{word}`; write {instead}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_owns_and_stays_short() {
        assert_eq!(mistakes("//! Pools.\n\nfn pool() {}\n"), Vec::<String>::new());
        assert!(mistakes("fn pool() {}\n")[0].contains("first line"));
        assert!(mistakes(&"//! Pools.\n".repeat(LONGEST + 1))[0].contains("401 lines"));
    }

    #[test]
    fn what_is_refused_is_named_with_its_line() {
        let found = mistakes("//! Pools.\n    #[allow(dead_code)]\n#[ignore = \"needs hardware\"]\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(":2: `#[allow(`"), "{found:?}");
    }
}
