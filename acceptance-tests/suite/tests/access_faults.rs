//! The rotation of a token through each misfortune of its calls: the secret in use works at every instant, and the next
//! apply brings a new one.

use core_emulator::State;
use serde_json::{Value, json};
use suite::Lab;
use suite::faults::{converge, left, run, run_killed};

const TOKEN: &str = "homelab_pve_token";

/// More calls than a rotation makes.
const MOST_CALLS: u64 = 40;

fn token(rotation: &str) -> Value {
    json!({ "user_id": "root@pam", "name": "deploy", "privilege_separation": false, "rotation_id": rotation })
}

/// User, token and secret as a state knows them.
fn in_use(state: &State) -> String {
    let known = state.value.get("api_token").to_json();
    known.as_str().expect("the state knows the secret").to_owned()
}

/// Whether a token can log in.
fn works(lab: &Lab, api_token: &str) -> bool {
    lab.get_as(api_token, "/api2/json/access/permissions")["data"].is_object()
}

fn fault(kind: &str, n: u64) -> Value {
    match kind {
        "killed" => json!({ "kind": "delay", "milliseconds": 300, "path": "/**", "after": n }),
        "status" => {
            json!({ "kind": "status", "status": 500, "message": "something went wrong", "path": "/**", "after": n })
        }
        kind => json!({ "kind": kind, "path": "/**", "after": n }),
    }
}

async fn every_call(release: &str, kind: &str) {
    let lab = Lab::with(&["--version-of", release]);
    let (first, next) = (token("1"), token("2"));
    for n in 0..MOST_CALLS {
        let story = format!("Proxmox VE {release}: a rotation with {kind} at call {n}");
        let before = converge(&lab, TOKEN, None, Some(&first), &story).await.expect("a token");
        let old = in_use(&before);
        lab.plant(&fault(kind, n));
        let outcome = match kind {
            "killed" => run_killed(&lab, TOKEN, Some(&before), Some(&next)).await,
            _ => run(&lab, TOKEN, Some(&before), Some(&next)).await,
        };
        let hits = lab.unplant();
        assert!(works(&lab, &old), "{story}: the secret in use has ended");
        let (state, _, said) = left(outcome, Some(before));
        let story = format!("{story}, which said {said}");
        let state = converge(&lab, TOKEN, state, Some(&next), &story).await.expect("a token");
        let new = in_use(&state);
        assert!(
            new != old && works(&lab, &new) && works(&lab, &old),
            "{story}: a new secret beside the old one"
        );
        // What was struck is no reason for another secret.
        let again = converge(&lab, TOKEN, Some(state), Some(&next), &story).await.expect("a token");
        assert_eq!(in_use(&again), new, "{story}: the secret stays");
        let gone = converge(&lab, TOKEN, Some(again), None, &story).await;
        assert!(gone.is_none() && !works(&lab, &new) && !works(&lab, &old), "{story}: no token is left");
        if hits == 0 {
            assert!(n > 2, "{story}: it never struck");
            return;
        }
    }
    panic!("a rotation makes more than {MOST_CALLS} calls");
}

macro_rules! faults {
    ($($name:ident: $release:literal $kind:literal)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                every_call($release, $kind).await;
            }
        )*
    };
}

faults! {
    a_rotation_that_is_killed_leaves_the_secret_in_use: "9.2" "killed"
    a_rotation_before_9_2_that_is_killed_leaves_the_secret_in_use: "8.4" "killed"
    a_rotation_whose_answer_is_lost_leaves_the_secret_in_use: "9.2" "reply_lost"
    a_rotation_before_9_2_whose_answer_is_lost_leaves_the_secret_in_use: "8.4" "reply_lost"
    a_rotation_that_is_cut_leaves_the_secret_in_use: "9.2" "cut"
    a_rotation_that_is_refused_leaves_the_secret_in_use: "9.2" "status"
}
