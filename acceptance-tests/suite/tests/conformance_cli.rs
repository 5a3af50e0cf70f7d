//! The parts of the protocol list that need a real CLI: 16, without TLS, and a process that a debugger holds.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use suite::process::binaries;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

/// A plugin started by hand for a debugger; dropping it kills it.
struct Debugged {
    child: Child,
    setting: String,
    log: tempfile::NamedTempFile,
}

impl Debugged {
    fn start() -> Self {
        let log = tempfile::NamedTempFile::new().expect("the temporary folder is writable");
        let mut child = Command::new(binaries().join("terraform-provider-homelab"))
            .arg("--debug")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.reopen().expect("it is there"))
            .env("TF_LOG_PROVIDER", "debug")
            .spawn()
            .expect("the plugin was built");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let setting = lines
            .map_while(Result::ok)
            .find_map(|line| {
                Some(line.split_once("TF_REATTACH_PROVIDERS='")?.1.trim_end_matches('\'').to_owned())
            })
            .expect("it says how to attach");
        Self { child, setting, log }
    }
}

impl Drop for Debugged {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// 16.
#[test]
fn a_cli_that_is_told_to_do_without_tls_can_use_the_plugin() {
    with_each_cli(|cli| {
        let workspace = Workspace::new(cli);
        let mut command = workspace.command(&["providers", "schema", "-json"]);
        let output = command.env("TF_DISABLE_PLUGIN_TLS", "1").output().expect("the CLI is there");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("homelab_pve_pool"), "{text}");
    });
}

/// One process serves every step of every walk, is configured again for each, and outlives the CLI.
#[test]
fn a_cli_uses_the_process_that_a_debugger_holds() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let mut plugin = Debugged::start();
        let workspace = Workspace::new(cli);
        workspace.configure(
            &lab.provider_block(),
            "resource \"homelab_pve_pool\" \"this\" {\n  name = \"debugged\"\n}\n",
        );
        for arguments in [["apply", "-auto-approve", "-no-color"], ["destroy", "-auto-approve", "-no-color"]]
        {
            let mut command = workspace.command(&arguments);
            let output =
                command.env("TF_REATTACH_PROVIDERS", &plugin.setting).output().expect("the CLI is there");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(lab.pools().contains(&"debugged".to_owned()), arguments[0] == "apply");
            assert!(plugin.child.try_wait().expect("it is our child").is_none(), "it ended");
        }
        let log = std::fs::read_to_string(plugin.log.path()).expect("it is there");
        let served =
            |line: &&str| line.contains("\"served request\"") && line.contains("\"ApplyResourceChange\"");
        assert_eq!(log.lines().filter(served).count(), 2, "{log}");
    });
}
