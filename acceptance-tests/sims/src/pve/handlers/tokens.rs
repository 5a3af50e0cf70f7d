//! `/access/users/{userid}/token`.

use serde_json::{Map, Value, json};

use super::users::{existing, token_entry};
use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::state::{Lab, Token};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/access/users/{userid}/token", list),
    route("GET", "/access/users/{userid}/token/{tokenid}", read),
    route("POST", "/access/users/{userid}/token/{tokenid}", create),
    route("PUT", "/access/users/{userid}/token/{tokenid}", update),
    route("DELETE", "/access/users/{userid}/token/{tokenid}", delete),
];

fn names(request: &Request) -> (&str, &str) {
    (request.params.text_or_empty("userid"), request.params.text_or_empty("tokenid"))
}

fn found<'a>(lab: &'a mut Lab, request: &Request) -> Result<&'a mut Token, Failure> {
    let (userid, id) = names(request);
    existing(lab, userid)?
        .tokens
        .get_mut(id)
        .ok_or_else(|| Failure::died(format!("no such token '{id}' for user '{userid}'")))
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let (userid, _) = names(request);
    let tokens = existing(lab, userid)?.tokens.iter().map(|(id, token)| {
        let mut entry = token_entry(token);
        entry.insert("tokenid".to_owned(), id.as_str().into());
        Value::Object(entry)
    });
    Ok(tokens.collect::<Vec<Value>>().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    Ok(Value::Object(token_entry(found(lab, request)?)).into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let (userid, id) = names(request);
    let tokens = &mut existing(lab, userid)?.tokens;
    if tokens.contains_key(id) {
        return Err(Failure::parameter("tokenid", "Token already exists."));
    }
    let mut token = Token { secret: uuid::Uuid::new_v4().to_string(), separated: true, ..Token::default() };
    assign(&mut token, request);
    // What was sent comes back as it was sent; only the default is a number.
    let mut info: Map<String, Value> = ["comment", "expire", "privsep"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), Value::from(request.params.text(name)?))))
        .collect();
    info.entry("privsep").or_insert_with(|| 1.into());
    let answer = json!({"full-tokenid": format!("{userid}!{id}"), "info": info, "value": token.secret});
    tokens.insert(id.to_owned(), token);
    Ok(answer.into())
}

fn assign(token: &mut Token, request: &Request) {
    if let Some(comment) = request.params.text("comment") {
        token.comment = (!comment.is_empty()).then(|| comment.to_owned());
    }
    if let Some(expire) = request.params.integer("expire") {
        token.expire = expire;
    }
    if let Some(separated) = request.params.flag("privsep") {
        token.separated = separated;
    }
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let (userid, id) = names(request);
    let token = found(lab, request)?;
    assign(token, request);
    let mut answer = token_entry(token);
    if request.params.is_set("regenerate") {
        token.secret = uuid::Uuid::new_v4().to_string();
        answer.insert("value".to_owned(), token.secret.as_str().into());
        answer.insert("full-tokenid".to_owned(), format!("{userid}!{id}").into());
    }
    Ok(Value::Object(answer).into())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    found(lab, request)?;
    let (userid, id) = names(request);
    existing(lab, userid)?.tokens.remove(id);
    let subject = format!("{userid}!{id}");
    lab.access.acl.retain(|entry| entry.subject != subject);
    Ok(Reply::nothing())
}
