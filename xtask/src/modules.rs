//! The tables of inputs and outputs in each module's README, written from its `.tf` files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::process::root;

const BEGIN: &str = "<!-- inputs and outputs: written by `cargo xtask docs` -->\n";
const END: &str = "<!-- end -->";

/// A `variable` or `output` of a module, as far as its table shows it.
#[derive(Debug, Default, PartialEq)]
struct Block {
    kind: String,
    name: String,
    /// Arguments with their values as they are written, several lines included.
    arguments: Vec<(String, String)>,
}

/// Rewrites the READMEs that are stale.
pub fn write() -> Outcome {
    for readme in readmes()? {
        let (old, new) = texts(&readme)?;
        if old != new {
            std::fs::write(&readme, new)
                .map_err(|error| format!("cannot write {}: {error}", readme.display()))?;
            println!("wrote {}", readme.display());
        }
    }
    Ok(())
}

/// The README of every module.
fn readmes() -> Outcome<Vec<PathBuf>> {
    let folder = root().join("modules");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path().join("README.md")).collect();
    found.sort();
    Ok(found)
}

/// A README as it is and as it has to be.
fn texts(readme: &Path) -> Outcome<(String, String)> {
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let module = readme.parent().ok_or("a README lies in a module")?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(module)
        .map_err(|error| format!("{}: {error}", module.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "tf"))
        .collect();
    files.sort();
    let mut blocks = Vec::new();
    for file in &files {
        blocks.extend(parsed(&read(file)?));
    }
    let old = read(readme)?;
    let missing = || format!("{} has no lines `{}` and `{END}`", readme.display(), BEGIN.trim());
    let (head, rest) = old.split_once(BEGIN).ok_or_else(missing)?;
    let (_, tail) = rest.split_once(END).ok_or_else(missing)?;
    let new = format!("{head}{BEGIN}{}{END}{tail}", tables(&blocks));
    Ok((old, new))
}

/// The variables and outputs of a file in the CLI's own formatting.
fn parsed(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut nested = false;
    for line in text.lines() {
        let Some(block) = &mut open else {
            open = beginning(line);
            continue;
        };
        if line == "}" {
            blocks.extend(open.take());
        } else if nested {
            nested = line != "  }";
        } else if line.starts_with("  ")
            && line.ends_with('{')
            && !line.contains('=')
            && !line.starts_with("   ")
        {
            nested = true;
        } else if let Some((name, value)) = argument(line) {
            block.arguments.push((name, value));
        } else if let (Some((_, value)), Some(line)) = (block.arguments.last_mut(), line.strip_prefix("  ")) {
            value.push('\n');
            value.push_str(line);
        }
    }
    blocks
}

/// `variable "name" {` or `output "name" {`.
fn beginning(line: &str) -> Option<Block> {
    let (kind, rest) = line.strip_suffix("\" {")?.split_once(" \"")?;
    let known = ["variable", "output"].contains(&kind);
    known.then(|| Block { kind: kind.to_owned(), name: rest.to_owned(), arguments: Vec::new() })
}

/// `  name = value`, indented by two and no more.
fn argument(line: &str) -> Option<(String, String)> {
    let line =
        line.strip_prefix("  ").filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))?;
    let (name, value) = line.split_once('=')?;
    Some((name.trim_end().to_owned(), value.trim_start().to_owned()))
}

impl Block {
    fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The description without its quotes, and whether the value is hidden.
    fn description(&self) -> String {
        let quoted = self.argument("description").unwrap_or_default();
        let text = quoted.trim_matches('"').replace("\\\"", "\"").replace('|', "\\|");
        let hidden = if self.argument("sensitive") == Some("true") { " Sensitive." } else { "" };
        format!("{text}{hidden}")
    }
}

fn tables(blocks: &[Block]) -> String {
    let mut text = String::from("\n## Inputs\n\n| name | type | default | |\n|---|---|---|---|\n");
    let mut types = String::new();
    for block in blocks.iter().filter(|block| block.kind == "variable") {
        let written = block.argument("type").unwrap_or("any");
        let kind = if written.contains('\n') {
            let _ = write!(types, "\nType of `{}`:\n\n```terraform\n{written}\n```\n", block.name);
            format!("{}, below", written.split("({").next().unwrap_or(written).replace('(', " of "))
        } else {
            written.to_owned()
        };
        let default =
            block.argument("default").map_or_else(|| "required".to_owned(), |value| format!("`{value}`"));
        let _ = writeln!(text, "| `{}` | {kind} | {default} | {} |", block.name, block.description());
    }
    text.push_str(&types);
    text.push_str("\n## Outputs\n\n| name | |\n|---|---|\n");
    for block in blocks.iter().filter(|block| block.kind == "output") {
        let _ = writeln!(text, "| `{}` | {} |", block.name, block.description());
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_readme_tells_the_inputs_and_outputs_that_there_are() {
        for readme in readmes().unwrap() {
            let (old, new) = texts(&readme).unwrap();
            assert!(old == new, "{} is stale: run `cargo xtask docs`", readme.display());
        }
    }

    #[test]
    fn a_variable_is_read_with_its_type_over_several_lines() {
        let blocks = parsed(
            "variable \"disk\" {\n  description = \"Say \\\"no\\\".\"\n  type = object({\n    # Size.\n    size = number\n  })\n  \
             default = null\n\n  validation {\n    condition     = true\n    error_message = \"\"\n  }\n}\n",
        );
        let [block] = blocks.as_slice() else { panic!("{blocks:?}") };
        assert_eq!(block.argument("type"), Some("object({\n  # Size.\n  size = number\n})"));
        assert_eq!(block.argument("default"), Some("null"));
        assert_eq!(block.argument("condition"), None);
        assert_eq!(block.description(), "Say \"no\".");
        assert!(tables(&blocks).contains("| `disk` | object, below | `null` | Say \"no\". |\n"));
    }

    #[test]
    fn a_variable_without_a_default_is_required_and_a_secret_is_told() {
        let blocks = parsed(
            "variable \"a\" {\n  description = \"A.\"\n  type        = string\n}\n\
             output \"b\" {\n  description = \"B.\"\n  sensitive   = true\n}\n",
        );
        let text = tables(&blocks);
        assert!(text.contains("| `a` | string | required | A. |\n"), "{text}");
        assert!(text.contains("| `b` | B. Sensitive. |\n"), "{text}");
    }
}
