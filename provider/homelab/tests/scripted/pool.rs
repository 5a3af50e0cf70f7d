//! `homelab_pve_pool` when answers are lost, names are taken, and members are left.

use crate::support::{Answer, apply_pool, provider, proxmox};
use tf_framework::Value;

fn pool(comment: Option<&str>, members: Value) -> Value {
    Value::object([
        ("name", Value::from("web")),
        ("comment", comment.into()),
        ("vm_ids", members.clone()),
        ("storage_names", members),
        ("timeouts", Value::Null),
    ])
}

fn wanted() -> Value {
    pool(Some("ours"), Value::Unknown)
}

fn stored() -> Value {
    pool(Some("ours"), Value::Set(Vec::new()))
}

const MISSING: Answer = Answer::Failed(500, "pool 'web' does not exist");
const OURS: Answer = Answer::Data(r#"[{"poolid":"web","comment":"ours","members":[]}]"#);
const THEIRS: Answer = Answer::Data(r#"[{"poolid":"web","comment":"theirs","members":[]}]"#);

fn count(seen: &[String], start: &str) -> usize {
    seen.iter().filter(|request| request.starts_with(start)).count()
}

#[tokio::test]
async fn a_pool_that_is_there_is_never_adopted_and_never_written_to() {
    let (endpoint, log) = proxmox(|_, _| OURS).await;
    let (state, said) = apply_pool(&provider(&endpoint).await, Value::Null, wanted()).await;
    assert!(state.is_null());
    assert_eq!(
        (said[0].summary.as_str(), said[0].path.clone()),
        ("Object already exists", Some("name".into()))
    );
    assert!(said[0].detail.contains("tofu import homelab_pve_pool.<name> web"), "{}", said[0]);
    assert_eq!(*log.lock().unwrap(), ["GET /pools?poolid=web"]);
}

#[tokio::test]
async fn a_pool_that_somebody_makes_meanwhile_is_not_adopted_either() {
    let (endpoint, _) = proxmox(|request, _| match request {
        "POST /pools poolid=web&comment=ours" => {
            Answer::Failed(500, "create pool failed: pool 'web' already exists")
        }
        _ => MISSING,
    })
    .await;
    let (state, said) = apply_pool(&provider(&endpoint).await, Value::Null, wanted()).await;
    assert!(state.is_null());
    assert_eq!(said[0].summary, "Object already exists");
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_recognised() {
    let (endpoint, log) = proxmox(|request, seen| match request {
        request if request.starts_with("POST") => Answer::Cut,
        _ if count(seen, "POST") > 0 => OURS,
        _ => MISSING,
    })
    .await;
    let (state, said) = apply_pool(&provider(&endpoint).await, Value::Null, wanted()).await;
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(state, stored());
    assert_eq!(count(&log.lock().unwrap(), "POST"), 1);
}

#[tokio::test]
async fn a_create_that_never_arrived_is_sent_again() {
    let (endpoint, log) = proxmox(|request, seen| match request {
        request if request.starts_with("POST") && count(seen, "POST") == 0 => {
            Answer::Failed(595, "Connection refused")
        }
        request if request.starts_with("POST") => Answer::Data("null"),
        _ if count(seen, "POST") > 1 => OURS,
        _ => MISSING,
    })
    .await;
    let (state, said) = apply_pool(&provider(&endpoint).await, Value::Null, wanted()).await;
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(state, stored());
    assert_eq!(count(&log.lock().unwrap(), "POST"), 2);
}

#[tokio::test]
async fn a_create_that_arrives_late_is_recognised_when_the_second_finds_it() {
    let (endpoint, _) = proxmox(|request, seen| match request {
        request if request.starts_with("POST") && count(seen, "POST") == 0 => {
            Answer::Failed(596, "Connection timed out")
        }
        request if request.starts_with("POST") => {
            Answer::Failed(500, "create pool failed: pool 'web' already exists")
        }
        _ if count(seen, "POST") > 1 => OURS,
        _ => MISSING,
    })
    .await;
    let (state, said) = apply_pool(&provider(&endpoint).await, Value::Null, wanted()).await;
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(state, stored());
}

#[tokio::test]
async fn after_a_lost_answer_a_pool_with_other_values_is_not_taken_for_ours() {
    let (endpoint, _) = proxmox(|request, seen| match request {
        request if request.starts_with("POST") => Answer::Cut,
        _ if count(seen, "POST") > 0 => THEIRS,
        _ => MISSING,
    })
    .await;
    let (state, said) = apply_pool(&provider(&endpoint).await, Value::Null, wanted()).await;
    assert!(state.is_null(), "{state:?}");
    assert_eq!(said[0].summary, "Outcome is not known");
}

#[tokio::test]
async fn clearing_the_comment_keeps_members() {
    let (endpoint, log) = proxmox(|request, _| match request {
        request if request.starts_with("PUT") => Answer::Data("null"),
        _ => Answer::Data(r#"[{"poolid":"web","members":[{"type":"qemu","vmid":100}]}]"#),
    })
    .await;
    let (state, said) = apply_pool(&provider(&endpoint).await, stored(), pool(None, Value::Unknown)).await;
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(state.attribute("vm_ids"), &Value::Set(vec![Value::from(100)]));
    assert_eq!(count(&log.lock().unwrap(), "PUT /pools poolid=web&comment="), 1);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_sent_again() {
    let (endpoint, log) = proxmox(|request, seen| match request {
        request if request.starts_with("PUT") && count(seen, "PUT") == 0 => Answer::Cut,
        request if request.starts_with("PUT") => Answer::Data("null"),
        _ => OURS,
    })
    .await;
    let prior = pool(Some("before"), Value::Set(Vec::new()));
    let (state, said) = apply_pool(&provider(&endpoint).await, prior, wanted()).await;
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(state, stored());
    assert_eq!(count(&log.lock().unwrap(), "PUT"), 2);
}

#[tokio::test]
async fn a_pool_with_members_is_kept_and_they_are_named() {
    let (endpoint, _) = proxmox(|request, _| match request {
        request if request.starts_with("DELETE") => {
            Answer::Failed(500, "delete pool failed: pool 'web' is not empty (contains VMs)")
        }
        _ => Answer::Data(
            r#"[{"poolid":"web","comment":"ours","members":[{"type":"qemu","vmid":101},{"type":"lxc","vmid":100},{"type":"storage","storage":"local"}]}]"#,
        ),
    })
    .await;
    let (state, said) = apply_pool(&provider(&endpoint).await, stored(), Value::Null).await;
    assert!(!state.is_null());
    assert_eq!(said[0].summary, "Pool is not empty");
    assert!(said[0].detail.contains("guests: 100, 101; storages: local"), "{}", said[0]);
}

#[tokio::test]
async fn a_pool_that_is_gone_already_is_deleted() {
    for lost in [false, true] {
        let (endpoint, _) = proxmox(move |request, _| match request {
            request if request.starts_with("DELETE") && lost => Answer::Cut,
            request if request.starts_with("DELETE") => {
                Answer::Failed(500, "delete pool failed: pool 'web' does not exist")
            }
            _ => MISSING,
        })
        .await;
        let (state, said) = apply_pool(&provider(&endpoint).await, stored(), Value::Null).await;
        assert!(said.is_empty(), "{said:?}");
        assert!(state.is_null());
    }
}
