//! How the plugin's process starts: protocol list 1 to 10 (5, the time, is a figure of the benchmarks).

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use core_emulator::{Launch, LaunchError, Plugin};
use suite::plugin::{core, launch, started};

const COOKIE: &str = "TF_PLUGIN_MAGIC_COOKIE";

#[track_caller]
fn ended(result: Result<Plugin, LaunchError>) -> (Option<i32>, String, String) {
    match result {
        Err(LaunchError::Ended { status, stdout, stderr }) => (status.code(), stdout, stderr),
        Err(other) => panic!("{other}"),
        Ok(plugin) => panic!("it serves: {}", plugin.handshake.line),
    }
}

/// 1 and 2.
#[tokio::test]
async fn started_by_hand_it_explains_itself_on_stderr() {
    for launch in
        [launch().without(COOKIE), launch().variable(COOKIE, ""), launch().variable(COOKIE, "wrong")]
    {
        let (code, stdout, stderr) = ended(launch.start().await);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains("is not started by hand"), "{stderr}");
    }
}

#[tokio::test]
async fn an_unknown_argument_is_refused_on_stderr() {
    let (code, stdout, stderr) = ended(launch().argument("--verbose").start().await);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("--debug"), "{stderr}");
}

#[tokio::test]
async fn the_version_and_the_help_are_printed() {
    for (argument, expected) in [("--version", "terraform-provider-homelab "), ("--help", "Usage:")] {
        let output = launch().without(COOKIE).argument(argument).command().output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{argument}");
        assert!(String::from_utf8(output.stdout).unwrap().contains(expected), "{argument}");
    }
}

/// 3.
#[tokio::test]
async fn the_handshake_has_as_many_fields_as_the_client_expects() {
    for (launch, fields) in [
        (launch(), 6),
        (launch().variable("PLUGIN_MULTIPLEX_GRPC", ""), 6),
        (launch().variable("PLUGIN_MULTIPLEX_GRPC", "true"), 7),
    ] {
        let plugin = launch.start().await.unwrap();
        let line = &plugin.handshake.line;
        assert_eq!(line.split('|').count(), fields, "{line}");
        assert!(line.starts_with("1|6|unix|/"), "{line}");
        assert_eq!(line.ends_with("|false"), fields == 7, "{line}");
        assert!(plugin.handshake.certificate.is_some(), "{line}");
    }
}

/// 4.
#[tokio::test]
async fn whatever_versions_are_offered_it_speaks_six() {
    const VERSIONS: &str = "PLUGIN_PROTOCOL_VERSIONS";
    for launch in [
        launch().variable(VERSIONS, "5,6"),
        launch().variable(VERSIONS, "6,5"),
        launch().variable(VERSIONS, "6"),
        launch().without(VERSIONS),
    ] {
        assert!(launch.start().await.unwrap().handshake.line.starts_with("1|6|"));
    }
}

/// 6.
#[tokio::test]
async fn nothing_follows_the_handshake_on_stdout() {
    let mut plugin = launch().variable("TF_LOG", "trace").start().await.unwrap();
    core(&plugin).await;
    plugin.call_unlisted("/tfplugin6.Provider/Nonsense").await.unwrap_err();
    plugin.shut_down().await.unwrap();
    assert!(plugin.ended(Duration::from_secs(5)).await.unwrap().success());
    assert_eq!(plugin.stdout(), "");
}

/// 7: closed, and open without anything in it.
#[tokio::test]
async fn standard_input_is_never_read() {
    for close in [true, false] {
        let launch = launch();
        let mut child = launch
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let held = if close { None } else { stdin };
        let plugin = launch.attend(child).await.unwrap();
        core(&plugin).await;
        drop(held);
    }
}

/// The folder of a plugin's socket.
fn folder(plugin: &Plugin) -> &Path {
    Path::new(&plugin.handshake.address).parent().expect("a socket is in a folder")
}

/// 8.
#[tokio::test]
async fn the_socket_is_private_where_the_core_wants_it_and_goes_at_the_end() {
    let wanted = tempfile::tempdir().unwrap();
    let mut plugin = launch().variable("PLUGIN_UNIX_SOCKET_DIR", wanted.path()).start().await.unwrap();
    let folder = folder(&plugin).to_path_buf();
    assert_eq!(folder.parent(), Some(wanted.path()));
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    plugin.shut_down().await.unwrap();
    assert!(plugin.ended(Duration::from_secs(5)).await.unwrap().success());
    assert_eq!(wanted.path().read_dir().unwrap().count(), 0);
}

/// 9 and 10: a folder that is too long for a socket, and one that cannot be used; `/tmp` is used instead of either.
#[tokio::test]
async fn an_unusable_temporary_folder_is_passed_over() {
    let parent = tempfile::tempdir().unwrap();
    let long = parent.path().join("x".repeat(200));
    std::fs::create_dir(&long).unwrap();
    for bad in [long.as_path(), Path::new("/proc/1"), Path::new("/nonexistent")] {
        let plugin = launch().variable("TMPDIR", bad).start().await.unwrap();
        assert_eq!(folder(&plugin).parent(), Some(Path::new("/tmp")), "{}", bad.display());
        core(&plugin).await;
    }
}

/// `--debug` prints the setting with which a CLI finds the process, and serves without TLS until Ctrl-C.
#[tokio::test]
async fn a_debugged_plugin_says_how_to_attach_and_ends_at_ctrl_c() {
    use tokio::io::AsyncReadExt;
    let debug: Launch = launch().without(COOKIE).argument("--debug");
    let mut child = debug.command().stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut text = String::new();
    while !text.contains("Ctrl-C") {
        let mut chunk = [0; 1024];
        let length = stdout.read(&mut chunk).await.unwrap();
        assert_ne!(length, 0, "it ended: {text}");
        text.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
    }
    let json = text.split('\'').nth(1).unwrap();
    let settings: serde_json::Value = serde_json::from_str(json).unwrap();
    let address = settings["local/homelab"]["Addr"]["String"].as_str().unwrap();
    assert!(Path::new(address).exists());
    suite::process::signal(child.id().unwrap(), "INT");
    let status = tokio::time::timeout(Duration::from_secs(5), child.wait()).await.unwrap().unwrap();
    assert!(status.success());
    assert!(!Path::new(address).exists());
}

#[tokio::test]
async fn two_processes_do_not_share_a_socket() {
    let (one, two) = (started().await, started().await);
    assert_ne!(one.handshake.address, two.handshake.address);
}
