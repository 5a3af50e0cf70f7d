//! Running other programs: from the repository's root, with the command in the error.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies one folder below the root")
        .to_path_buf()
}

/// A command that starts in the repository's root.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command with its output shown.
pub fn show(mut command: Command) -> Outcome {
    println!("+ {}", line(&command));
    let status = command.status().map_err(|error| format!("cannot start `{}`: {error}", line(&command)))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("`{}` ended with {status}", line(&command)))
}

/// Runs a command and returns what it wrote to stdout.
pub fn capture(mut command: Command) -> Outcome<String> {
    let output = command.output().map_err(|error| format!("cannot start `{}`: {error}", line(&command)))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{}` ended with {}:\n{stderr}", line(&command), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
