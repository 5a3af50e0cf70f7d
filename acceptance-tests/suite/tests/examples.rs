//! Every example of the registry pages is a valid configuration, in the CLI's own formatting.

use std::path::{Path, PathBuf};

use suite::workspace::with_each_cli;
use suite::{Workspace, cli, process};

/// The `.tf` files below a folder of `examples`.
fn examples(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![process::root().join("examples").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "tf") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What is wrong with an example, if anything is.
fn wrong(cli: &Path, example: &Path) -> Option<String> {
    let workspace = Workspace::new(cli);
    let text = std::fs::read_to_string(example).expect("the example is there");
    // Older CLIs refuse write-only arguments, and the provider says so.
    if text.contains("_wo ") && !cli::at_least(cli, (1, 11), (1, 11)) {
        return None;
    }
    if text.contains("required_providers") {
        std::fs::remove_file(workspace.folder().join("versions.tf")).expect("the folder is ours");
    }
    workspace.write("main.tf", &text);
    let commands: [&[&str]; 2] = [&["validate", "-no-color"], &["fmt", "-check", "-diff", "main.tf"]];
    commands.into_iter().find_map(|command| {
        let run = workspace.run(command);
        (run.code != Some(0)).then(|| format!("{}: {} fails:\n{}", example.display(), command[0], run.text))
    })
}

#[test]
fn every_example_is_valid() {
    with_each_cli(|cli| {
        let mut folders = vec!["provider", "resources", "data-sources"];
        if cli::at_least(cli, (1, 8), (1, 7)) {
            folders.push("functions");
        }
        if cli::at_least(cli, (1, 10), (1, 11)) {
            folders.push("ephemeral-resources");
        }
        let mut mistakes = Vec::new();
        for folder in folders {
            let examples = examples(folder);
            assert!(!examples.is_empty(), "examples/{folder} has no example");
            mistakes.extend(examples.iter().filter_map(|example| wrong(cli, example)));
        }
        assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    });
}
