//! One folder with a configuration and its state, and the CLI run in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::process::{binaries, children, root, signal};

/// A temporary configuration folder in which the built plugin stands in for the published one.
pub struct Workspace {
    cli: PathBuf,
    folder: tempfile::TempDir,
}

/// A CLI that runs beside the test; dropping it kills it and the providers it started.
pub struct Running(Child);

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its exit status once it has ended.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.0.try_wait().expect("the CLI is our child")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        for provider in children(self.id(), "terraform-provider-homelab") {
            signal(provider, "KILL");
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a run of the CLI ended.
#[derive(Debug)]
pub struct Run {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Both streams, in that order.
    pub text: String,
}

impl Run {
    fn of(output: Output) -> Self {
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Self { code: output.status.code(), text }
    }

    /// Panics with the CLI's words unless it succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self
    }

    /// Panics unless it failed.
    #[track_caller]
    pub fn failed(self) -> Self {
        assert_ne!(self.code, Some(0), "this should have failed:\n{}", self.text);
        self
    }

    /// The text with the box that the CLI draws round messages, and its line breaks, taken out.
    pub fn prose(&self) -> String {
        self.text.replace(['│', '╷', '╵'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Workspace {
    /// An empty folder for one CLI.
    pub fn new(cli: &Path) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let overrides = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"local/homelab\" = \"{}\"\n  }}\n  direct {{}}\n}}\n",
            binaries().display()
        );
        std::fs::write(folder.path().join("cli.tfrc"), overrides).expect("the folder is ours");
        let workspace = Self { cli: cli.to_path_buf(), folder };
        workspace.write(
            "versions.tf",
            "terraform {\n  required_providers {\n    homelab = {\n      source = \"local/homelab\"\n    }\n  }\n}\n",
        );
        workspace
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes one file.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the folder is ours");
    }

    /// Copies a folder of the repository to the same place in this one, without what a CLI left there.
    pub fn copy(&self, folder: &str) {
        copy(&root().join(folder), &self.folder.path().join(folder));
    }

    /// The provider block and the configuration, replacing what was there.
    pub fn configure(&self, provider: &str, resources: &str) {
        self.write("main.tf", &format!("{provider}\n{resources}"));
    }

    /// A command of the CLI, ready to run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cli);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("TF_CLI_CONFIG_FILE", self.folder.path().join("cli.tfrc"))
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs the CLI to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().expect("the CLI is there"))
    }

    /// Runs the CLI to its end with further environment variables.
    pub fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        Run::of(command.envs(variables.iter().copied()).output().expect("the CLI is there"))
    }

    /// Starts the CLI and leaves it running, its output in `output.log`.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let log = std::fs::File::create(self.folder.path().join("output.log")).expect("the folder is ours");
        let errors = log.try_clone().expect("a file can be shared");
        Running(self.command(arguments).stdout(log).stderr(errors).spawn().expect("the CLI is there"))
    }

    /// `apply`.
    pub fn apply(&self) -> Run {
        self.run(&["apply", "-auto-approve", "-no-color", "-input=false"])
    }

    /// `destroy`.
    pub fn destroy(&self) -> Run {
        self.run(&["destroy", "-auto-approve", "-no-color", "-input=false"])
    }

    /// `plan`: 0 is empty, 2 has changes.
    pub fn plan(&self) -> Run {
        self.run(&["plan", "-detailed-exitcode", "-no-color", "-input=false"])
    }

    /// Panics with the plan unless it is empty.
    #[track_caller]
    pub fn plan_is_empty(&self) {
        let run = self.plan();
        assert_eq!(run.code, Some(0), "the plan is not empty:\n{}", run.text);
    }

    /// `import`.
    pub fn import(&self, address: &str, id: &str) -> Run {
        self.run(&["import", "-no-color", "-input=false", address, id])
    }

    /// Makes the state forget one resource.
    pub fn forget(&self, address: &str) -> Run {
        self.run(&["state", "rm", address])
    }

    /// The state as JSON.
    pub fn show_json(&self) -> Value {
        let output = self.command(&["show", "-json"]).output().expect("the CLI is there");
        serde_json::from_slice(&output.stdout).expect("`show -json` writes JSON")
    }

    /// The values of one resource in the state.
    #[track_caller]
    pub fn resource(&self, address: &str) -> Value {
        let state = self.show_json();
        state["values"]["root_module"]["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|resource| resource["address"] == address)
            .unwrap_or_else(|| panic!("the state has no {address}"))["values"]
            .clone()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder is ours");
    let entries = std::fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    for entry in entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("the repository is readable");
        }
    }
}

/// Runs one test with every CLI on this machine, and fails if there is none.
pub fn with_each_cli(test: impl Fn(&Path)) {
    let found = crate::cli::found();
    assert!(!found.is_empty(), "there is no tofu or terraform; `cargo xtask test` installs one");
    for cli in found {
        test(&cli);
    }
}
