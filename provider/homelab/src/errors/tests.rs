//! Each failure as the user reads it.

use std::collections::BTreeMap;

use super::*;

fn attempt() -> Attempt {
    Attempt {
        what: "create pool \"web\"".to_owned(),
        endpoint: "https://pve1.example:8006".to_owned(),
        identity: "tf@pve!ci".to_owned(),
    }
}

fn said(error: PveError) -> Diagnostic {
    let mut said = attempt().failed(error, &|wire| (wire == "poolid").then(|| Path::from("name"))).0;
    assert_eq!(said.len(), 1, "{said:?}");
    said.remove(0)
}

#[test]
fn a_missing_privilege_names_the_commands_that_grant_it() {
    let said = said(PveError::Forbidden {
        message: "Permission check failed (/pool/web, Pool.Allocate)".to_owned(),
    });
    assert_eq!(said.summary, "Permission is missing");
    assert!(said.detail.contains("pveum role add HomelabPoolAllocate --privs Pool.Allocate"), "{said}");
    assert!(
        said.detail.contains("pveum acl modify /pool/web --tokens 'tf@pve!ci' --roles HomelabPoolAllocate"),
        "{said}"
    );
    assert!(said.detail.ends_with("name them after `--roles` too."), "{said}");
    let on_all = how_to_grant("tf@pve", "/", &[vec!["Sys.Modify"]]);
    assert!(on_all.ends_with("--roles HomelabSysModify"), "{on_all}");
}

#[test]
fn a_refused_parameter_is_blamed_on_its_attribute() {
    let fields = BTreeMap::from([("poolid".to_owned(), "invalid format".to_owned())]);
    let said = said(PveError::Rejected { message: "Parameter verification failed.".to_owned(), fields });
    assert_eq!(said.path, Some("name".into()));
    assert!(said.detail.contains("`name` (`poolid` in Proxmox VE): “invalid format”"), "{said}");
}

fn upid() -> pve_client::Upid {
    "UPID:pve1:0000022A:0008A653:6B03BB63:qmclone:100:tf@pve!ci:".parse().unwrap()
}

fn lost(status: u16) -> Box<api_core::ProxyLost> {
    Box::new(api_core::ProxyLost { status, reason: "Connection timed out".to_owned() })
}

fn untrusted(distrust: api_core::Distrust) -> PveError {
    let shown = Some(pve_client::Fingerprint::of(b"x"));
    let source = "invalid peer certificate".into();
    let endpoint = "https://pve1.example:8006".to_owned();
    PveError::NeverSent { source: api_core::Error::Untrusted { endpoint, distrust, shown, source } }
}

/// Each failure, its summary, and words that its detail must have: what happened, and what to do.
#[test]
#[expect(clippy::too_many_lines, reason = "one table of messages")]
fn every_failure_says_what_happened_and_what_to_do() {
    use PveError as E;
    use api_core::{Distrust as D, Error as C};
    let message = |text: &str| text.to_owned();
    let refused = |problem, text: &str| E::Refused { status: 500, problem, message: text.to_owned() };
    let no_answer = |source: Box<dyn std::error::Error + Send + Sync>| E::NeverSent {
        source: C::NoAnswer { method: "GET".to_owned(), path: "/pools".to_owned(), source },
    };
    let maybe = |source: Box<dyn std::error::Error + Send + Sync>| E::MaybeApplied {
        source: C::MaybeApplied { method: "POST".to_owned(), path: "/pools".to_owned(), source },
    };
    let failed = E::TaskFailed {
        upid: upid(),
        problem: pve_client::Problem::StorageOffline,
        message: message("storage 'x' is not online"),
        log_tail: vec![message("create full clone"), message("TASK ERROR: storage 'x' is not online")],
    };
    let cases: Vec<(E, &str, &[&str])> = vec![
        (
            E::NotFound { message: message("no such pool") },
            "Object does not exist",
            &["“no such pool”", "plan again"],
        ),
        (E::AlreadyExists { message: message("x exists") }, "Object already exists", &["import"]),
        (
            E::Conflict { message: message("checksum mismatch") },
            "Object was changed meanwhile",
            &["Apply again"],
        ),
        (
            E::Locked { message: message("VM is locked (backup)"), lock: Some(message("backup")) },
            "Guest is locked",
            &["called `backup`", "qm unlock"],
        ),
        (E::Busy { message: message("got timeout") }, "Proxmox VE is busy", &["Apply again"]),
        (
            E::Unauthorized { message: message("No ticket") },
            "Login was refused",
            &["tf@pve!ci", "pveum user token list tf@pve"],
        ),
        (
            E::Forbidden { message: message("Permission check failed") },
            "Permission is missing",
            &["pveum user permissions 'tf@pve!ci'"],
        ),
        (
            refused(pve_client::Problem::Protected, "protection mode enabled"),
            "Guest is protected",
            &["protection = false"],
        ),
        (
            refused(pve_client::Problem::Other, "no options specified"),
            "Request was refused",
            &["“no options specified”"],
        ),
        (
            failed,
            "Storage is not online",
            &["“storage 'x' is not online”", "enabled = false", "UPID:pve1:", "TASK ERROR"],
        ),
        (
            refused(pve_client::Problem::WrongChecksum, "checksum mismatch: got '00' != expect '11'"),
            "Checksum does not match",
            &["expect '11'", "did not keep it"],
        ),
        (
            refused(pve_client::Problem::NotFetched, "download failed: exit code 8"),
            "File was not fetched",
            &["exit code 8", "Check `url`"],
        ),
        (no_answer(lost(595)), "Node does not answer", &["595", "pvecm status"]),
        (no_answer(lost(596)), "Node does not answer", &["596", "overloaded"]),
        (
            no_answer("connection reset".into()),
            "Proxmox VE cannot be reached",
            &["“connection reset”", "Is the host on"],
        ),
        (maybe(lost(596)), "Outcome is not known", &["596", "plan again"]),
        (
            untrusted(D::UnknownAuthority),
            "Certificate is not trusted",
            &["pve-root-ca.pem", "pvenode cert info"],
        ),
        (untrusted(D::WrongName), "Certificate is not trusted", &["other names"]),
        (untrusted(D::WrongTime), "Certificate is not trusted", &["pvecm updatecerts"]),
        (untrusted(D::NotPinned), "Certificate is not trusted", &["new certificate"]),
        (
            E::TimedOut { upid: Some(upid()) },
            "Time limit was reached",
            &["UPID:pve1:", "node \"pve1\"", "`timeouts`"],
        ),
        (E::Cancelled, "Operation was cancelled", &["Plan again"]),
        (E::Config { reason: message("it is odd") }, "Invalid provider configuration", &["it is odd"]),
        (
            E::Unexpected { call: message("GET /pools"), reason: message("the data is not a list") },
            "Answer was not understood",
            &["GET /pools", "bug in the homelab provider"],
        ),
    ];
    for (error, summary, words) in cases {
        let said = said(error);
        assert_eq!(said.summary, summary, "{said}");
        assert!((2..=5).contains(&said.summary.split(' ').count()), "{said}");
        // A configuration that cannot work has nothing to do with what was tried.
        if summary != "Invalid provider configuration" {
            assert!(said.detail.contains("create pool \"web\""), "{said}");
        }
        for word in words {
            assert!(said.detail.contains(word), "{word:?} is not in: {said}");
        }
    }
}

#[test]
fn the_warnings_of_a_task_are_one_warning() {
    let finished = Finished { upid: upid(), warnings: vec!["no space".to_owned(), "slow".to_owned()] };
    let warning = task_warnings(&finished, "clone VM 100").unwrap();
    assert!(!warning.is_error());
    assert!(warning.detail.contains("  no space\n  slow"), "{warning}");
    assert_eq!(task_warnings(&Finished { warnings: Vec::new(), ..finished }, "clone VM 100"), None);
}

#[test]
fn what_is_there_already_has_its_article() {
    let told = |object: &str| not_ours::<crate::resources::pve::pool::Pool>(object, "x").to_string();
    assert!(told("image \"a\"").contains("There is already an image \"a\""), "{}", told("image \"a\""));
    assert!(told("user \"a\"").contains("There is already a user \"a\""), "{}", told("user \"a\""));
}
