//! A running lab from outside: the front end's manners, planted faults, tasks, persistence, its end.

mod faults;
mod front_end;
mod life;
mod process;
mod replay;
mod wire;

use serde_json::{Value, json};

use process::Lab;
use wire::{Answer, FORM, Wire};

/// A lab and a client with the lab's own token.
struct Bench {
    lab: Lab,
    wire: Wire,
}

impl Bench {
    fn new(profile: &str, more: &[&str]) -> Self {
        let lab = Lab::start(profile, more);
        let wire = Wire::to(&lab);
        Self { lab, wire }
    }

    fn token(&self) -> Vec<(&'static str, String)> {
        vec![("Authorization", format!("PVEAPIToken={}", self.lab.told("token")))]
    }

    /// A call below `/api2/json`; nothing where the connection was cut.
    fn call(&self, method: &str, path: &str, form: Option<&str>) -> Option<Answer> {
        let body = form.map(|form| (FORM, form.as_bytes()));
        self.wire.send(method, &format!("/api2/json{path}"), &self.token(), body)
    }

    /// A call that must be answered.
    #[track_caller]
    fn must(&self, method: &str, path: &str, form: Option<&str>) -> Answer {
        self.call(method, path, form).unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }

    /// Plants one fault.
    #[track_caller]
    fn plant(&self, fault: Value) {
        let body = json!({ "faults": [fault] }).to_string();
        let answer = self.wire.must("POST", "/lab/faults", &[], Some(("application/json", body.as_bytes())));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The exit text of a task, once it has ended.
    #[track_caller]
    fn end_of(&self, started: &Answer) -> String {
        let upid = started.body["data"].as_str().unwrap_or_else(|| panic!("no task: {}", started.body));
        let node = upid.split(':').nth(1).unwrap_or_default();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            let status = self.must("GET", &format!("/nodes/{node}/tasks/{upid}/status"), None);
            if let Some(exit) = status.body["data"]["exitstatus"].as_str() {
                return exit.to_owned();
            }
            assert!(std::time::Instant::now() < end, "the task {upid} does not end");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
