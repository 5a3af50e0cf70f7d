//! The recorded exchanges, reduced to facts.

use serde_json::Value;

const FACTS: &str = include_str!("../../../../spec/pve-replay.jsonl");

/// One recorded exchange.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// Which recording it belongs to.
    pub recording: &'static str,
    /// Its number there; `d` before those of the data disk recording.
    pub number: String,
    /// What it was recorded for.
    pub name: String,
    /// Verb.
    pub method: String,
    /// Path below `/api2/<format>`, with the query.
    pub path: String,
    /// `json`, unless another format was asked for.
    pub format: String,
    /// Whose credentials it carries.
    pub who: String,
    /// Form or JSON body.
    pub body: Option<String>,
    /// Type of the body.
    pub content_type: Option<String>,
    /// Name of the uploaded file, and its text if it is short.
    pub file: Option<(String, Option<String>)>,
    /// Recorded status.
    pub status: u16,
    /// Recorded reason.
    pub reason: String,
    /// Recorded body.
    pub answer: Value,
    /// Why it is not scored.
    pub unscored: Option<String>,
}

/// Every exchange, in order.
pub fn read() -> Vec<Exchange> {
    FACTS
        .lines()
        .skip(1)
        .map(|line| exchange(&serde_json::from_str(line).expect("every line of the facts is JSON")))
        .collect()
}

fn exchange(facts: &Value) -> Exchange {
    let text = |key: &str| facts[key].as_str().map(str::to_owned);
    let number = text("n").expect("every exchange has a number");
    Exchange {
        recording: if number.starts_with('d') { "data disk" } else { "node" },
        number,
        name: text("name").unwrap_or_default(),
        method: text("m").unwrap_or_default(),
        path: text("p").unwrap_or_default(),
        format: text("f").unwrap_or_else(|| "json".to_owned()),
        who: text("as").unwrap_or_else(|| "root".to_owned()),
        body: text("b"),
        content_type: text("t"),
        file: text("file").map(|name| (name, text("filetext"))),
        status: facts["s"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or_default(),
        reason: text("r").unwrap_or_else(|| "OK".to_owned()),
        answer: if facts["d"].is_null() { facts["e"].clone() } else { facts["d"].clone() },
        unscored: text("u"),
    }
}
