//! The example homelab in a workspace, with a lab to build it in and an image to build it from.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::files::{Files, qcow2, sha256};
use crate::lab::Lab;
use crate::workspace::{Run, Workspace};

/// Where the example is, in the repository and in the workspace.
const FOLDER: &str = "examples/stacks/homelab";

/// The example homelab, ready to be applied.
pub struct Stack {
    /// The lab that it is built in.
    pub lab: Lab,
    workspace: Workspace,
    image: Value,
    // The lab's nodes fetch the image from here.
    _files: Files,
}

impl Stack {
    /// The example with its modules, for one CLI and a fresh lab.
    pub fn new(cli: &Path) -> Self {
        let (lab, workspace, files) = (Lab::start(), Workspace::new(cli), Files::start());
        workspace.copy("modules");
        workspace.copy(FOLDER);
        let disk = qcow2(3 << 10);
        let image = json!({ "url": files.put("debian-13.qcow2", &disk), "checksum": sha256(&disk) });
        let stack = Self { lab, workspace, image, _files: files };
        // Installs the modules and no provider, which is the built one.
        stack.run(&["get"]).ok();
        stack
    }

    /// The folder with the configuration and the state.
    pub fn folder(&self) -> PathBuf {
        self.workspace.folder().join(FOLDER)
    }

    /// Runs the CLI with the example's variables.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let variables = self.variables();
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let chdir = format!("-chdir={FOLDER}");
        let arguments: Vec<&str> = std::iter::once(chdir.as_str()).chain(arguments.iter().copied()).collect();
        self.workspace.run_with(&variables, &arguments)
    }

    /// `apply`.
    pub fn apply(&self) -> Run {
        self.run(&["apply", "-auto-approve", "-no-color", "-input=false"])
    }

    /// `plan`: 0 is empty, 2 has changes.
    pub fn plan(&self) -> Run {
        self.run(&["plan", "-detailed-exitcode", "-no-color", "-input=false"])
    }

    /// `destroy`.
    pub fn destroy(&self) -> Run {
        self.run(&["destroy", "-auto-approve", "-no-color", "-input=false"])
    }

    /// The resources in the state, those of the modules too.
    pub fn resources(&self) -> Vec<Value> {
        let chdir = format!("-chdir={FOLDER}");
        let output = self.workspace.command(&[&chdir, "show", "-json"]).output().expect("the CLI is there");
        let state: Value = serde_json::from_slice(&output.stdout).expect("`show -json` writes JSON");
        resources(&state["values"]["root_module"])
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("HOMELAB_PVE_ENDPOINT", self.lab.endpoint()),
            ("HOMELAB_PVE_API_TOKEN", self.lab.api_token()),
            ("HOMELAB_PVE_CA_FILE", self.lab.ca_file().display().to_string()),
            ("TF_VAR_image", self.image.to_string()),
            // Everything is destroyed in the end.
            ("TF_VAR_deletion_protection", "false".to_owned()),
        ]
    }
}

/// The resources of a module and of the modules in it.
fn resources(module: &Value) -> Vec<Value> {
    let of = |key: &str| module[key].as_array().cloned().unwrap_or_default();
    of("resources").into_iter().chain(of("child_modules").iter().flat_map(resources)).collect()
}
