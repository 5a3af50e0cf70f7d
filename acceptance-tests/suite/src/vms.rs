//! Virtual machines of the lab, as the lab itself tells them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Lab;
use crate::process::wait_for;

/// Where a machine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its node.
    pub node: String,
    /// Its ID.
    pub id: u64,
}

impl Lab {
    /// The rows of the cluster's list that are machines.
    pub fn vms(&self) -> Vec<Value> {
        let found = self.get("/api2/json/cluster/resources?type=vm");
        found["data"].as_array().cloned().unwrap_or_default()
    }

    /// Where the machine of a name is. The list learns names late, so the configurations are asked.
    #[track_caller]
    pub fn place(&self, name: &str) -> Place {
        let found = self.vms().iter().find_map(|row| {
            let place = Place { node: row["node"].as_str()?.to_owned(), id: row["vmid"].as_u64()? };
            (self.config(&place)["name"] == name).then_some(place)
        });
        found.unwrap_or_else(|| panic!("the lab has no {name}"))
    }

    /// How many machines there are with each of these names, whatever else there is.
    pub fn count(&self, prefix: &str) -> usize {
        let named = |row: &Value| {
            let place = Place { node: row["node"].as_str()?.to_owned(), id: row["vmid"].as_u64()? };
            self.config(&place)["name"].as_str().map(|name| name.starts_with(prefix))
        };
        self.vms().iter().filter_map(named).filter(|named| *named).count()
    }

    fn path(place: &Place, rest: &str) -> String {
        format!("/api2/json/nodes/{}/qemu/{}{rest}", place.node, place.id)
    }

    /// The configuration of a machine.
    pub fn config(&self, place: &Place) -> Value {
        self.get(&Self::path(place, "/config"))["data"].clone()
    }

    /// Whether a machine runs.
    pub fn runs(&self, place: &Place) -> bool {
        self.get(&Self::path(place, "/status/current"))["data"]["status"] == "running"
    }

    /// Changes a configuration by hand.
    #[track_caller]
    pub fn edit(&self, place: &Place, changes: &Value) {
        let answer = self.request("PUT", &Self::path(place, "/config"), Some(&changes.to_string()));
        assert!(answer["data"].is_null() && answer["message"].is_null(), "{answer}");
    }

    /// Starts a task by hand and waits for its end.
    #[track_caller]
    pub fn task(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(ToString::to_string);
        let answer = self.request(method, &format!("/api2/json{path}"), body.as_deref());
        let Some(upid) = answer["data"].as_str() else { panic!("{method} {path}: {answer}") };
        let node = upid.split(':').nth(1).expect("a task id names its node");
        wait_for("the end of the task", Duration::from_secs(30), || {
            let status = self.get(&format!("/api2/json/nodes/{node}/tasks/{upid}/status"));
            (status["data"]["status"] == "stopped").then(|| status["data"].clone())
        })
    }

    /// Makes a machine by hand.
    #[track_caller]
    pub fn make(&self, place: &Place, options: &Value) {
        let mut body = json!({"vmid": place.id});
        body.as_object_mut()
            .expect("it is an object")
            .extend(options.as_object().cloned().unwrap_or_default());
        let ended = self.task("POST", &format!("/nodes/{}/qemu", place.node), Some(&body));
        assert_eq!(ended["exitstatus"], "OK");
    }

    /// Deletes a machine by hand, with whatever it runs.
    #[track_caller]
    pub fn destroy(&self, place: &Place) {
        let path = format!("/nodes/{}/qemu/{}", place.node, place.id);
        self.task("POST", &format!("{path}/status/stop"), None);
        let ended = self.task("DELETE", &format!("{path}?purge=1"), None);
        assert_eq!(ended["exitstatus"], "OK");
    }

    /// The volumes of a machine on a storage.
    pub fn volumes(&self, place: &Place, storage: &str) -> Vec<String> {
        let path = format!("/api2/json/nodes/{}/storage/{storage}/content?vmid={}", place.node, place.id);
        let found = self.get(&path);
        let mut volumes: Vec<String> = found["data"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|volume| volume["volid"].as_str().map(str::to_owned))
            .collect();
        volumes.sort();
        volumes
    }

    /// The requests from one moment on, without the polls of tasks, as `METHOD path` without the query.
    pub fn calls_since(&self, before: usize) -> Vec<String> {
        self.wire()
            .iter()
            .skip(before)
            .filter_map(|call| {
                let path = call["path"].as_str()?.trim_start_matches("/api2/json");
                let path = path.split('?').next()?;
                let polls = path.contains("/tasks/");
                (!polls).then(|| format!("{} {path}", call["method"].as_str().unwrap_or_default()))
            })
            .collect()
    }
}
