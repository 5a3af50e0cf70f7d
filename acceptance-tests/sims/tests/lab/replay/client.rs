//! Sends recorded requests byte by byte, with this server's identifiers in place of the recorded ones.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::compare::made_up;
use super::facts::Exchange;
use super::files::{self, Files};
use crate::process::Lab;
use crate::wire::{Answer, FORM, Wire};

/// The password of the recorded server.
const RECORDED_PASSWORD: &str = "pve-real-root";
/// How long a task that had ended in the recording is waited for.
const TASK_LIMIT: Duration = Duration::from_secs(30);
const BOUNDARY: &str = "----replay7MA4YWxk";
const QUOTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const LOOSE: &AsciiSet = &QUOTED.remove(b':').remove(b'@').remove(b'!');

/// Talks to one lab.
pub struct Client {
    wire: Wire,
    files: String,
    ticket: String,
    csrf: String,
    challenge: String,
    /// What stands for what was recorded.
    names: BTreeMap<String, String>,
    /// Tasks that calls with withheld answers started.
    started: Vec<String>,
}

impl Client {
    /// Logs in as root.
    pub fn new(lab: &Lab, files: &Files) -> Self {
        let mut client = Self {
            wire: Wire::to(lab),
            files: files.address(),
            ticket: String::new(),
            csrf: String::new(),
            challenge: String::new(),
            names: BTreeMap::from([(RECORDED_PASSWORD.to_owned(), lab.told("password").to_owned())]),
            started: Vec::new(),
        };
        let body = format!("username=root%40pam&password={}", quoted(lab.told("password")));
        let login = client.wire.must("POST", "/api2/json/access/ticket", &[], Some((FORM, body.as_bytes())));
        client.ticket = login.body["data"]["ticket"].as_str().expect("root may log in").to_owned();
        client.csrf =
            login.body["data"]["CSRFPreventionToken"].as_str().expect("a login tells it").to_owned();
        client
    }

    /// Sends one recorded request, waiting for tasks as the recording did.
    pub fn send(&mut self, exchange: &Exchange) -> Answer {
        self.recognise(&exchange.path);
        let end = Instant::now() + TASK_LIMIT;
        let withheld = exchange.answer.is_null();
        let asks_for_end = exchange.name.ends_with(".status.final") || exchange.name.ends_with(".task");
        let had_ended = exchange.answer["data"]["status"] == "stopped" || (withheld && asks_for_end);
        loop {
            let answer = self.once(exchange);
            if had_ended && answer.body["data"]["status"] == "running" && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            self.learn(&exchange.answer, &answer.body);
            if let Some(upid) =
                answer.body["data"].as_str().filter(|text| withheld && text.starts_with("UPID:"))
            {
                self.started.push(upid.to_owned());
            }
            if let Some(ticket) = answer.body["data"]["ticket"].as_str().filter(|text| text.contains("!tfa!"))
            {
                self.challenge = ticket.to_owned();
            }
            return answer;
        }
    }

    fn once(&self, exchange: &Exchange) -> Answer {
        let path = self.renamed(&exchange.path);
        let path = if exchange.format.is_empty() { path } else { format!("/api2/{}{path}", exchange.format) };
        let headers = self.credentials(&exchange.who, &exchange.method);
        let content_type = exchange.content_type.as_deref().unwrap_or(FORM);
        let text = exchange.body.as_deref().map(|body| self.renamed(body));
        let body = match (&exchange.file, &text) {
            (Some((name, short)), Some(fields)) => {
                let file = short.clone().map_or_else(|| files::content(name), String::into_bytes);
                Some((format!("multipart/form-data; boundary={BOUNDARY}"), multipart(fields, name, &file)))
            }
            (None, Some(text)) => Some((content_type.to_owned(), text.clone().into_bytes())),
            _ => None,
        };
        let body = body.as_ref().map(|(kind, bytes)| (kind.as_str(), bytes.as_slice()));
        self.wire.must(&exchange.method, &path.replace(' ', "%20"), &headers, body)
    }

    fn credentials(&self, who: &str, method: &str) -> Vec<(&'static str, String)> {
        let cookie = |ticket: &str| ("Cookie", format!("PVEAuthCookie={ticket}"));
        let csrf = ("CSRFPreventionToken", self.csrf.clone());
        match who.split_once(' ').unwrap_or((who, "")) {
            ("root", "without csrf") => vec![cookie(&quoted(&self.ticket))],
            ("root", "with bad csrf") => {
                vec![cookie(&quoted(&self.ticket)), ("CSRFPreventionToken", "bad".to_owned())]
            }
            ("root", "unescaped") => vec![cookie(&self.ticket)],
            ("root", _) if method == "GET" => vec![cookie(&quoted(&self.ticket))],
            ("root", _) => vec![cookie(&quoted(&self.ticket)), csrf],
            ("header", _) => vec![("Authorization", format!("PVEAuthCookie={}", quoted(&self.ticket)))],
            ("challenge", _) => vec![cookie(&quoted(&self.challenge))],
            ("ticket", "tampered") => vec![cookie(&quoted(&self.ticket.replace("::", "::A")))],
            ("ticket", "expired") => vec![cookie("PVE%3Aroot%40pam%3A5F5E1000%3A%3Aexpired")],
            ("ticket", other) => vec![cookie(other)],
            ("token", token) => vec![("Authorization", format!("PVEAPIToken={}", self.renamed(token)))],
            ("authorization", text) => vec![("Authorization", text.to_owned())],
            _ => Vec::new(),
        }
    }

    /// A task whose start was withheld is known by its type, its id and its user.
    fn recognise(&mut self, path: &str) {
        let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
        let Some(recorded) = path.split('/').find(|part| part.starts_with("UPID:")) else { return };
        if self.names.contains_key(recorded) {
            return;
        }
        let about = |upid: &str| upid.split(':').skip(5).map(str::to_owned).collect::<Vec<String>>();
        if let Some(position) = self.started.iter().position(|upid| about(upid) == about(recorded)) {
            self.names.insert(recorded.to_owned(), self.started.remove(position));
        }
    }

    /// Pairs what the recorded server made up with what this one made up in the same place.
    fn learn(&mut self, recorded: &Value, found: &Value) {
        for (old, new) in made_up(recorded, found) {
            if old != new && old.len() >= 8 {
                self.names.insert(old, new);
            }
        }
    }

    fn renamed(&self, text: &str) -> String {
        let mut text = text
            .replace("<files>", &quoted(&self.files))
            .replace("<ticket root@pam>", &quoted(&self.ticket))
            .replace("<sha256>", &files::image_checksum())
            .replace("<challenge>", &quoted(&self.challenge))
            .replace("<long>", &"x".repeat(532_480));
        for (old, new) in &self.names {
            let as_is = |text: &str| text.to_owned();
            let loosely = |text: &str| utf8_percent_encode(text, LOOSE).to_string();
            let spellings: [&dyn Fn(&str) -> String; 3] = [&as_is, &quoted, &loosely];
            for spelling in spellings {
                let from = spelling(old);
                if text.contains(&from) {
                    text = text.replace(&from, &spelling(new));
                }
            }
        }
        text
    }
}

fn quoted(text: &str) -> String {
    utf8_percent_encode(text, QUOTED).to_string()
}

fn multipart(fields: &str, filename: &str, file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in form_urlencoded::parse(fields.as_bytes()) {
        let part =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{filename}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}
