//! The modules: their own tests with each CLI, the conventions of the registry, and the CLI's formatting.

use std::path::{Path, PathBuf};

use suite::workspace::with_each_cli;
use suite::{Lab, Workspace, cli, process};

/// The names of the modules.
fn modules() -> Vec<String> {
    let entries = std::fs::read_dir(process::root().join("modules")).expect("there are modules");
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn folder(module: &str) -> PathBuf {
    process::root().join("modules").join(module)
}

fn text(module: &str, file: &str) -> String {
    let path = folder(module).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The `.tf` files of a module as one text.
fn code(module: &str) -> String {
    let entries = std::fs::read_dir(folder(module)).expect("the module is there");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "tf"));
    paths.iter().map(|path| std::fs::read_to_string(path).expect("the file is text")).collect()
}

/// Runs a module's own tests against a fresh lab, and tells what is wrong.
fn tested(cli: &Path, module: &str) -> Option<String> {
    let (lab, workspace) = (Lab::start(), Workspace::new(cli));
    workspace.copy("modules");
    let chdir = format!("-chdir=modules/{module}");
    if !cli::at_least(cli, (1, 7), (1, 8)) {
        eprintln!("{} does not know mock_provider: it leaves out plan.tftest.hcl of {module}", cli.display());
        let tests = workspace.folder().join("modules").join(module).join("tests");
        std::fs::remove_file(tests.join("plan.tftest.hcl")).expect("every module has one");
    }
    let ca_file = lab.ca_file();
    let variables = [
        ("HOMELAB_PVE_ENDPOINT", lab.endpoint()),
        ("HOMELAB_PVE_API_TOKEN", lab.api_token()),
        ("HOMELAB_PVE_CA_FILE", ca_file.display().to_string()),
    ];
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    workspace.run(&[&chdir, "get"]).ok();
    let run = workspace.run_with(&variables, &[&chdir, "test", "-no-color"]);
    let passed = run.text.matches("... pass").count();
    if run.code != Some(0) || passed == 0 || !run.text.contains(", 0 failed") {
        return Some(format!("{module} with {}: {}", cli.display(), run.text));
    }
    let (guests, pools) = (lab.guests(), lab.pools());
    (!guests.is_empty() || !pools.is_empty()).then(|| format!("{module} leaves {guests:?} and {pools:?}"))
}

#[test]
fn the_tests_of_every_module_pass() {
    with_each_cli(|cli| {
        let mistakes: Vec<String> = modules().iter().filter_map(|module| tested(cli, module)).collect();
        assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    });
}

#[test]
fn a_module_has_the_files_of_the_registry_and_no_provider_block() {
    assert!(modules().len() >= 5, "{:?}", modules());
    for module in modules() {
        for file in ["main.tf", "variables.tf", "outputs.tf", "README.md", "tests/plan.tftest.hcl"] {
            assert!(!text(&module, file).trim().is_empty(), "{module}/{file} is empty");
        }
        let versions = text(&module, "versions.tf");
        assert!(versions.contains("required_version = \">= 1.6\""), "{module}: {versions}");
        assert!(versions.contains("source  = \"local/homelab\""), "{module}: {versions}");
        assert!(!code(&module).contains("\nprovider \""), "{module} has a provider block");
        let readme = text(&module, "README.md");
        assert!(readme.starts_with(&format!("# {module}\n")), "{module}: the README has another title");
        assert!(readme.contains("```terraform\nmodule \""), "{module}: the README shows no use of it");
    }
}

#[test]
fn every_validation_has_a_test_that_it_refuses() {
    for module in modules() {
        let (code, tests) = (code(&module), text(&module, "tests/plan.tftest.hcl"));
        for variable in code.split("\nvariable \"").skip(1) {
            let (name, rest) = variable.split_once('"').expect("the name is quoted");
            let rules = rest.split("\n}").next().expect("the block ends").matches("validation {").count();
            let refused = tests.matches(&format!("expect_failures = [var.{name}]")).count();
            assert!(refused >= rules, "{module}: {rules} rules of `{name}`, {refused} tests that refuse one");
        }
    }
}

#[test]
fn modules_and_stacks_are_in_the_cli_s_own_formatting() {
    with_each_cli(|cli| {
        let workspace = Workspace::new(cli);
        workspace.copy("modules");
        workspace.copy("examples/stacks");
        for folder in ["modules", "examples"] {
            workspace.run(&["fmt", "-check", "-diff", "-recursive", folder]).ok();
        }
    });
}

/// The first configuration in a page that uses a module.
fn example(page: &Path) -> String {
    let text = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let (_, rest) = text.split_once("```terraform\nmodule ").expect("the page shows a module");
    let (body, _) = rest.split_once("```").expect("the block ends");
    format!("module {body}\n").replace("../../modules", "./modules")
}

#[test]
fn the_examples_of_the_guide_and_those_of_all_readmes_together_are_valid() {
    let readmes: String = modules().iter().map(|module| example(&folder(module).join("README.md"))).collect();
    let guide = example(&process::root().join("docs/guides/modules.md"));
    with_each_cli(|cli| {
        for text in [&readmes, &guide] {
            let workspace = Workspace::new(cli);
            workspace.copy("modules");
            workspace
                .write("main.tf", &format!("{text}\nvariable \"debian_sha512\" {{\n  type = string\n}}\n"));
            workspace.run(&["get"]).ok();
            workspace.run(&["validate", "-no-color"]).ok();
        }
    });
}

#[test]
fn a_storage_gets_its_secret_and_the_state_does_not() {
    with_each_cli(|cli| {
        if !cli::at_least(cli, (1, 11), (1, 11)) {
            eprintln!("{} does not know write-only arguments", cli.display());
            return;
        }
        let (lab, workspace) = (Lab::start(), Workspace::new(cli));
        workspace.copy("modules");
        let cluster = |secret: &str, version: u8| {
            let text = format!(
                "module \"cluster\" {{\n  source = \"./modules/cluster_config\"\n  storages = {{ media = {{ enabled = false, \
                 secret_version = {version}, cifs = {{ server = \"192.0.2.10\", share = \"media\", username = \"ops\" }} }} }}\n  \
                 storage_secrets = {{ media = \"{secret}\" }}\n}}\n"
            );
            workspace.configure(&lab.provider_block(), &text);
            workspace.run(&["get"]).ok();
            let before = lab.writes();
            workspace.apply().ok();
            workspace.plan_is_empty();
            // The lab forgets secrets as nodes do; without one, the provider refuses a user name.
            assert_eq!(lab.writes(), before + 1);
            assert!(!workspace.show_json().to_string().contains(secret), "{secret} is in the state");
        };
        cluster("first-secret", 1);
        cluster("second-secret", 2);
    });
}
