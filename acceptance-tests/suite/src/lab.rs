//! One simulated lab: started on a free loopback port, ended by id, its calls counted.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use crate::http::Client;
use crate::process::{binaries, wait_for};

/// A running `homelab-sim`; dropping it ends it.
pub struct Lab {
    child: Child,
    folder: tempfile::TempDir,
    ready: Value,
    client: Client,
}

impl Lab {
    /// Starts the profile `lab` without delays.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts the profile `lab` with further arguments.
    pub fn with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let ready_file = folder.path().join("ready.json");
        let log = std::fs::File::create(folder.path().join("lab.log")).expect("the folder is ours");
        // Tests need no tasks as long as real ones.
        let pace: &[&str] = if arguments.contains(&"--task-time") { &[] } else { &["--task-time", "15"] };
        let mut child = Command::new(binaries().join("homelab-sim"))
            .args(pace)
            .args(["--ephemeral", "--profile", "lab", "--pve", "127.0.0.1:0", "--ready-file"])
            .arg(&ready_file)
            .arg("--wire-log")
            .arg(folder.path().join("wire.jsonl"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the lab was built");
        let log = folder.path().join("lab.log");
        let ready: Value = wait_for("the lab's start", Duration::from_secs(30), || {
            if let Ok(Some(status)) = child.try_wait() {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                panic!("the lab ended at once with {status}: {said}");
            }
            let text = std::fs::read_to_string(&ready_file).ok()?;
            serde_json::from_str(&text).ok()
        });
        let client = Client::trusting(Path::new(&told(&ready, "ca_file")));
        Self { child, folder, ready, client }
    }

    fn told(&self, key: &str) -> String {
        told(&self.ready, key)
    }

    /// The address of Proxmox VE, without `/api2/json`.
    pub fn endpoint(&self) -> String {
        self.told("endpoint")
    }

    /// A token that may do everything.
    pub fn api_token(&self) -> String {
        self.told("token")
    }

    /// The password of `root@pam`.
    pub fn password(&self) -> String {
        self.told("password")
    }

    /// The file with the certificate of the lab's authority.
    pub fn ca_file(&self) -> PathBuf {
        PathBuf::from(self.told("ca_file"))
    }

    /// The lab's own folder, for files that must go when it goes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `provider "homelab" {…}` for this lab.
    pub fn provider_block(&self) -> String {
        self.provider_block_as(&self.api_token())
    }

    /// The same with the token of somebody else.
    pub fn provider_block_as(&self, api_token: &str) -> String {
        self.block(&format!("api_token = \"{api_token}\""))
    }

    /// The same with the token of a new user, `tf@pve`, who has these privileges everywhere and no others.
    #[track_caller]
    pub fn provider_block_limited(&self, privileges: &str) -> String {
        let post = |path: &str, body: &str| self.request("POST", path, Some(body));
        post("/api2/json/access/roles", &format!("{{\"roleid\":\"Limited\",\"privs\":\"{privileges}\"}}"));
        post("/api2/json/access/users", "{\"userid\":\"tf@pve\"}");
        let grant = "{\"path\":\"/\",\"roles\":\"Limited\",\"users\":\"tf@pve\"}";
        self.request("PUT", "/api2/json/access/acl", Some(grant));
        let made = post("/api2/json/access/users/tf@pve/token/ci", "{\"privsep\":0}");
        let secret = made["data"]["value"].as_str().expect("the lab tells the secret");
        self.provider_block_as(&format!("tf@pve!ci={secret}"))
    }

    /// The same with the password of `root@pam`.
    pub fn provider_block_with_password(&self) -> String {
        self.block(&format!("username = \"root@pam\"\n    password = \"{}\"", self.password()))
    }

    fn block(&self, login: &str) -> String {
        format!(
            "provider \"homelab\" {{\n  pve = {{\n    endpoint = \"{}\"\n    ca_file  = \"{}\"\n    {login}\n  }}\n}}\n",
            self.endpoint(),
            self.ca_file().display()
        )
    }

    /// Every request so far, in order, as the lab wrote it down.
    pub fn wire(&self) -> Vec<Value> {
        std::fs::read_to_string(self.folder.path().join("wire.jsonl"))
            .unwrap_or_default()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// How many requests there were so far.
    pub fn calls(&self) -> usize {
        self.wire().len()
    }

    /// How many of them changed something.
    pub fn writes(&self) -> usize {
        self.wire()
            .iter()
            .filter(|call| call["method"].as_str().is_some_and(|method| method != "GET"))
            .count()
    }

    /// Asks the lab itself; for what a state file cannot show.
    pub fn get(&self, path: &str) -> Value {
        self.request("GET", path, None)
    }

    /// Asks the lab with the token of somebody else.
    pub fn get_as(&self, api_token: &str, path: &str) -> Value {
        self.send(api_token, "GET", path, None)
    }

    /// Whether somebody can log in with a password.
    pub fn login(&self, username: &str, password: &str) -> bool {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("username", username)
            .append_pair("password", password)
            .finish();
        let request = Request::post(format!("{}/api2/json/access/ticket", self.endpoint()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form))
            .expect("the lab told a usable address");
        let answer = self.client.send(request).unwrap_or_else(|error| panic!("the login: {error}"));
        let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        answer["data"]["ticket"].is_string()
    }

    /// One request with the lab's token; `body` is JSON.
    pub fn request(&self, method: &str, path: &str, body: Option<&str>) -> Value {
        self.send(&self.api_token(), method, path, body)
    }

    fn send(&self, api_token: &str, method: &str, path: &str, body: Option<&str>) -> Value {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint()))
            .header(AUTHORIZATION, format!("PVEAPIToken={api_token}"));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::from(body.unwrap_or_default().to_owned()))
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let answer = self.client.send(request).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        serde_json::from_slice(&answer).unwrap_or(Value::Null)
    }

    /// Everything the lab holds, which no service would tell.
    pub fn state(&self) -> Value {
        self.get("/lab/state")
    }

    /// Moves the lab's clock forward; jobs that are due on the way run.
    pub fn advance_days(&self, days: u64) {
        let body = serde_json::json!({ "advance_seconds": days * 86_400 }).to_string();
        let answer = self.request("POST", "/lab/clock", Some(&body));
        assert!(answer["now"].is_number(), "the lab's clock did not move: {answer}");
    }

    /// Puts something on a disk of a VM, as its guest would.
    pub fn write_disk(&self, vm_id: u64, slot: &str, contents: &str) {
        let body = serde_json::json!({ "vmid": vm_id, "slot": slot, "contents": contents }).to_string();
        let answer = self.request("POST", "/lab/write", Some(&body));
        assert!(answer["volume"].is_string(), "nothing was written: {answer}");
    }

    /// Takes up a state that was read before, maybe of another lab.
    pub fn restore(&self, state: &Value) {
        let answer = self.request("PUT", "/lab/state", Some(&state.to_string()));
        assert_eq!(answer, serde_json::json!({}), "the lab refused a state of its own");
    }

    /// Plants one fault, described as in the lab's README.
    pub fn plant(&self, fault: &Value) {
        let body = serde_json::json!({ "faults": [fault] }).to_string();
        let answer = self.request("POST", "/lab/faults", Some(&body));
        assert!(answer["faults"].is_array(), "the lab refused the fault {fault}: {answer}");
    }

    /// How often the planted faults have struck.
    pub fn struck(&self) -> u64 {
        let planted = self.get("/lab/faults");
        planted["faults"].as_array().into_iter().flatten().filter_map(|fault| fault["struck"].as_u64()).sum()
    }

    /// Takes every planted fault away and tells how often they have struck.
    pub fn unplant(&self) -> u64 {
        let struck = self.struck();
        self.request("DELETE", "/lab/faults", None);
        struck
    }

    /// The names of the guests that exist now, templates included.
    pub fn guests(&self) -> Vec<String> {
        let found = self.get("/api2/json/cluster/resources?type=vm");
        let mut names: Vec<String> = found["data"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|guest| guest["name"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    /// The names of the pools that exist now.
    pub fn pools(&self) -> Vec<String> {
        let found = self.get("/api2/json/pools");
        found["data"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|pool| pool["poolid"].as_str().map(str::to_owned))
            .collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One line of what a lab said when it was ready.
fn told(ready: &Value, key: &str) -> String {
    ready
        .pointer(&format!("/pve/{key}"))
        .or_else(|| ready.get(key))
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("the lab's ready file has no `{key}`: {ready}"))
        .to_owned()
}
