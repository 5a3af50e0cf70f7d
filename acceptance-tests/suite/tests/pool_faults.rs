//! `homelab_pve_pool` through each misfortune of its calls: afterwards there is one pool and an empty plan, and what the
//! user was told is true.

use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

/// A lab that meets these faults.
fn unlucky(faults: &str) -> (Lab, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("faults.json");
    std::fs::write(&file, format!("{{\"faults\": {faults}}}")).expect("the folder is ours");
    (Lab::with(&["--faults", &file.display().to_string()]), folder)
}

fn pool(comment: &str) -> String {
    format!("resource \"homelab_pve_pool\" \"this\" {{\n  name    = \"web\"\n  comment = \"{comment}\"\n}}\n")
}

/// What becomes of a run.
enum Outcome {
    /// It works as if nothing had happened.
    Works,
    /// It fails with these words, and the next works.
    Says(&'static str),
}

use Outcome::{Says, Works};

/// A fault, and what becomes of the run that meets it.
fn faults(method: &str) -> Vec<(String, Outcome)> {
    let fault = |rest: &str| format!("[{{\"method\": \"{method}\", \"path\": \"/pools\", {rest}}}]");
    vec![
        (fault("\"kind\": \"reply_lost\""), Works),
        (fault("\"kind\": \"cut\""), Works),
        (fault("\"kind\": \"delay\", \"milliseconds\": 300"), Works),
        (fault("\"kind\": \"proxy_timeout\", \"milliseconds\": 100"), Works),
        (
            fault("\"kind\": \"status\", \"status\": 500, \"message\": \"cluster not ready - no quorum?\""),
            Says("“cluster not ready - no quorum?”"),
        ),
        (
            fault("\"kind\": \"permission_missing\", \"message\": \"/pool/web, Pool.Allocate\""),
            Says("pveum role add HomelabPoolAllocate --privs Pool.Allocate"),
        ),
    ]
}

#[track_caller]
fn check(run: suite::workspace::Run, outcome: &Outcome, again: impl Fn()) {
    match outcome {
        Works => drop(run.ok()),
        Says(words) => {
            let said = run.failed().prose();
            assert!(said.contains(words), "{said}");
            again();
        }
    }
}

#[test]
fn a_create_that_meets_a_fault_leaves_one_pool() {
    with_each_cli(|cli| {
        for (fault, outcome) in faults("POST") {
            let (lab, _folder) = unlucky(&fault);
            let workspace = Workspace::new(cli);
            workspace.configure(&lab.provider_block(), &pool("ours"));
            check(workspace.apply(), &outcome, || drop(workspace.apply().ok()));
            assert_eq!(lab.pools(), ["web"], "{fault}");
            workspace.plan_is_empty();
            workspace.destroy().ok();
            assert!(lab.pools().is_empty(), "{fault}");
        }
    });
}

#[test]
fn an_update_that_meets_a_fault_is_done_once_all_the_same() {
    with_each_cli(|cli| {
        for (fault, outcome) in faults("PUT") {
            let (lab, _folder) = unlucky(&fault);
            let workspace = Workspace::new(cli);
            workspace.configure(&lab.provider_block(), &pool("first"));
            workspace.apply().ok();
            workspace.configure(&lab.provider_block(), &pool("second"));
            check(workspace.apply(), &outcome, || drop(workspace.apply().ok()));
            assert_eq!(lab.get("/api2/json/pools?poolid=web")["data"][0]["comment"], "second", "{fault}");
            workspace.plan_is_empty();
        }
    });
}

#[test]
fn a_delete_that_meets_a_fault_leaves_nothing() {
    with_each_cli(|cli| {
        for (fault, outcome) in faults("DELETE") {
            let (lab, _folder) = unlucky(&fault);
            let workspace = Workspace::new(cli);
            workspace.configure(&lab.provider_block(), &pool("ours"));
            workspace.apply().ok();
            // A delete that was cut off has not happened, which is told rather than guessed.
            let outcome = if fault.contains("\"cut\"") { Says("Outcome is not known") } else { outcome };
            check(workspace.destroy(), &outcome, || drop(workspace.destroy().ok()));
            assert!(lab.pools().is_empty(), "{fault}");
        }
    });
}

#[test]
fn a_refresh_that_meets_a_fault_never_forgets_the_pool() {
    with_each_cli(|cli| {
        for (kind, words) in [
            ("\"kind\": \"status\", \"status\": 500, \"message\": \"got timeout\"", "“got timeout”"),
            (
                "\"kind\": \"status\", \"status\": 403, \"message\": \"Permission check failed\"",
                "Permission is missing",
            ),
            ("\"kind\": \"cut\"", "Proxmox VE cannot be reached"),
            (
                "\"kind\": \"status\", \"status\": 595, \"message\": \"No route to host\"",
                "Node does not answer",
            ),
        ] {
            // The create reads twice.
            let fault = format!(
                "[{{\"method\": \"GET\", \"path\": \"/pools\", \"after\": 2, \"times\": 0, {kind}}}]"
            );
            let (lab, _folder) = unlucky(&fault);
            let workspace = Workspace::new(cli);
            workspace.configure(&lab.provider_block(), &pool("ours"));
            workspace.apply().ok();
            let plan = workspace.plan();
            // What only a lost node knows is no reason to stop the rest of the run.
            let goes_on = words == "Node does not answer";
            assert_eq!(plan.code, Some(if goes_on { 0 } else { 1 }), "{kind}:\n{}", plan.text);
            let said = plan.prose();
            assert!(said.contains(words), "{kind}:\n{said}");
            assert_eq!(workspace.resource("homelab_pve_pool.this")["name"], "web");
        }
    });
}
