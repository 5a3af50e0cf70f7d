//! Reading request bodies: forms, JSON and uploads, byte by byte as the front end does.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::params::{Param, Params};

/// A file that came as `multipart/form-data`.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// The file name the client sent.
    pub filename: String,
    /// The file.
    pub content: Bytes,
}

/// Decodes `a=b&c=d`; a repeated key becomes a list.
pub fn form(text: &[u8]) -> Params {
    let mut params: BTreeMap<String, Param> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(text) {
        let value = value.into_owned();
        match params.get_mut(name.as_ref()) {
            None => {
                params.insert(name.into_owned(), Param::Text(value));
            }
            Some(Param::List(items)) => items.push(value),
            Some(first) => {
                let before = match first {
                    Param::Text(text) => std::mem::take(text),
                    _ => String::new(),
                };
                *first = Param::List(vec![before, value]);
            }
        }
    }
    Params(params)
}

/// Decodes a JSON object of scalars and arrays.
pub fn json(text: &[u8]) -> Result<Params, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| malformed(text, &error))?;
    let Value::Object(members) = value else {
        return Err("Not a HASH reference at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.".to_owned());
    };
    Ok(Params(members.into_iter().map(|(name, value)| (name, param(value))).collect()))
}

fn param(value: Value) -> Param {
    match value {
        Value::Null => Param::Null,
        Value::Bool(flag) => Param::Flag(flag),
        Value::Number(number) => Param::Text(number.to_string()),
        Value::String(text) => Param::Text(text),
        Value::Array(items) => Param::List(items.into_iter().map(item).collect()),
        Value::Object(_) => Param::Object,
    }
}

fn item(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Bool(flag) => (if flag { "1" } else { "0" }).to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Perl's JSON::XS words for the mistakes that clients make: where it is, and what stands there.
fn malformed(text: &[u8], error: &serde_json::Error) -> String {
    let text = String::from_utf8_lossy(text);
    let offset = offset(&text, error.line(), error.column());
    let rest: String = text.chars().skip(offset).collect();
    let before = if rest.is_empty() { "(end of string)".to_owned() } else { rest.chars().take(32).collect() };
    let before = if rest.is_empty() { before } else { format!("\"{}\"", before.trim_end_matches('}')) };
    let what = if text.trim_start().starts_with('{') {
        "'\"' expected"
    } else {
        "malformed JSON string, neither tag, array, object, number, string or atom"
    };
    format!(
        "{what}, at character offset {offset} (before {before}) at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934."
    )
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.lines().take(line.saturating_sub(1)).map(|line| line.chars().count() + 1).sum();
    (before + column.saturating_sub(1)).min(text.chars().count())
}

/// Decodes `multipart/form-data`: fields first, then the part named `filename` with the file.
pub fn multipart(content_type: &str, body: &Bytes) -> Option<(Params, Upload)> {
    let boundary = content_type.split("boundary=").nth(1)?.split(';').next()?.trim().trim_matches('"');
    let delimiter = format!("--{boundary}");
    let mut params = Params::default();
    let mut upload = Upload::default();
    let mut rest = &body[find(body, delimiter.as_bytes())? + delimiter.len()..];
    while !rest.starts_with(b"--") {
        let head_end = find(rest, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&rest[..head_end]).into_owned();
        let after = &rest[head_end + 4..];
        let end = find(after, format!("\r\n{delimiter}").as_bytes())?;
        let content = &after[..end];
        let name = quoted(&head, "name")?;
        match quoted(&head, "filename") {
            Some(filename) => {
                params.set(&name, filename.clone());
                upload = Upload { filename, content: body.slice_ref(content) };
            }
            None => params.set(&name, String::from_utf8_lossy(content).into_owned()),
        }
        rest = &after[end + 2 + delimiter.len()..];
    }
    Some((params, upload))
}

fn quoted(head: &str, key: &str) -> Option<String> {
    let start = head.find(&format!(" {key}=\"")).map(|at| at + key.len() + 3)?;
    let end = head[start..].find('"')?;
    Some(head[start..start + end].to_owned())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_key_becomes_a_list() {
        let params = form(b"map=a&map=b&map=c&x=1");
        assert_eq!(params.array("map").unwrap(), ["a", "b", "c"]);
        assert_eq!(params.text("x"), Some("1"));
    }

    #[test]
    fn json_keeps_numbers_as_written() {
        let params = json(br#"{"cpulimit": 2.50, "on": true, "none": null, "delete": ["a", 1]}"#).unwrap();
        assert_eq!(params.text("cpulimit"), Some("2.50"));
        assert_eq!(params.text("on"), Some("1"));
        assert_eq!(params.array("delete").unwrap(), ["a", "1"]);
        assert!(params.has("none") && params.text("none").is_none());
    }

    #[test]
    fn broken_json_is_refused_in_perls_words() {
        assert_eq!(
            json(b"{bad").unwrap_err(),
            "'\"' expected, at character offset 1 (before \"bad\") at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934."
        );
    }

    #[test]
    fn a_file_keeps_its_bytes() {
        let body = Bytes::from_static(
            b"--B\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\niso\r\n--B\r\n\
              Content-Disposition: form-data; name=\"filename\"; filename=\"a.iso\"\r\n\
              Content-Type: application/octet-stream\r\n\r\n\x00\r\n--\x01\r\n--B--\r\n",
        );
        let (params, upload) = multipart("multipart/form-data; boundary=B", &body).unwrap();
        assert_eq!(params.text("content"), Some("iso"));
        assert_eq!(params.text("filename"), Some("a.iso"));
        assert_eq!(&upload.content[..], b"\x00\r\n--\x01");
    }
}
