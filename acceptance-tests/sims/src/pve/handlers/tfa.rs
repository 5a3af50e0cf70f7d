//! `/access/tfa`: second factors.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use super::users::existing;
use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::auth;
use crate::pve::state::{Factor, Lab, random_hex};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/access/tfa", list),
    route("GET", "/access/tfa/{userid}", entries),
    route("POST", "/access/tfa/{userid}", create),
    route("GET", "/access/tfa/{userid}/{id}", read),
    route("DELETE", "/access/tfa/{userid}/{id}", delete),
    route("GET", "/access/users/{userid}/tfa", kinds),
    route("PUT", "/access/users/{userid}/unlock-tfa", unlock),
];

/// Life of one TOTP code, in seconds.
const STEP: i64 = 30;
/// Recovery keys that are made at once.
const RECOVERY_KEYS: usize = 10;

fn entry(id: &str, factor: &Factor) -> Value {
    let mut entry = json!({"id": id, "type": factor.kind, "created": factor.created});
    if let Some(description) = &factor.description {
        entry["description"] = json!(description);
    }
    entry
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let sees_all = request.who.is_root()
        || lab.allows_any(&request.who, "/access/groups", &["User.Modify", "Sys.Audit"]);
    let users = lab
        .access
        .users
        .iter()
        .filter(|(id, user)| !user.factors.is_empty() && (sees_all || id.as_str() == request.who.user()));
    let entries = users.map(|(userid, user)| {
        let factors: Vec<Value> = user.factors.iter().map(|(id, factor)| entry(id, factor)).collect();
        json!({"userid": userid, "entries": factors})
    });
    Ok(entries.collect::<Vec<Value>>().into())
}

fn entries(lab: &mut Lab, request: &Request) -> Answer {
    let user = lab.access.users.get(request.params.text_or_empty("userid"));
    let factors = user.into_iter().flat_map(|user| &user.factors);
    Ok(factors.map(|(id, factor)| entry(id, factor)).collect::<Vec<Value>>().into())
}

/// Which kinds of factors a user has; one of them, unless all are asked for.
fn kinds(lab: &mut Lab, request: &Request) -> Answer {
    let user = existing(lab, request.params.text_or_empty("userid"))?;
    let kinds: BTreeSet<&str> = user.factors.values().map(|factor| factor.kind.as_str()).collect();
    if request.params.is_set("multiple") {
        return Ok(json!({ "types": kinds }).into());
    }
    Ok(kinds.first().map_or_else(|| json!({}), |kind| json!({ "user": kind })).into())
}

fn missing(id: &str) -> Failure {
    Failure::new(404, format!("no such tfa entry '{id}'"))
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    let user = lab.access.users.get(request.params.text_or_empty("userid"));
    let factor = user.and_then(|user| user.factors.get(id)).ok_or_else(|| missing(id))?;
    Ok(entry(id, factor).into())
}

/// Changing factors asks for the caller's own password.
fn confirm(lab: &Lab, request: &Request) -> Result<(), Failure> {
    let own = lab.access.users.get(request.who.user()).and_then(|user| user.password.as_deref());
    let given = request.params.text_or_empty("password");
    if own.is_some_and(|hash| auth::matches(hash, given)) {
        return Ok(());
    }
    Err(Failure::new(401, "authentication failure"))
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    confirm(lab, request)?;
    let now = lab.now();
    let params = &request.params;
    let description = params.text("description").map(str::to_owned);
    let user = existing(lab, params.text_or_empty("userid"))?;
    match params.text_or_empty("type") {
        "totp" => {
            let secret = params.text_or_empty("totp").split("secret=").nth(1).unwrap_or_default();
            let secret = secret.split('&').next().unwrap_or_default().to_owned();
            if !codes(&secret, now).contains(&params.text_or_empty("value").to_owned()) {
                return Err(Failure::died("failed to verify TOTP challenge"));
            }
            let id = format!("totp-{}", random_hex(4));
            let factor = Factor { kind: "totp".to_owned(), description, created: now, secrets: vec![secret] };
            user.factors.insert(id.clone(), factor);
            Ok(json!({ "id": id }).into())
        }
        "recovery" => {
            if user.factors.contains_key("recovery") {
                return Err(Failure::died("user already has recovery keys"));
            }
            let keys: Vec<String> = (0..RECOVERY_KEYS).map(|_| recovery_key()).collect();
            let factor = Factor {
                kind: "recovery".to_owned(),
                description: None,
                created: now,
                secrets: keys.clone(),
            };
            user.factors.insert("recovery".to_owned(), factor);
            Ok(json!({"id": "recovery", "recovery": keys}).into())
        }
        kind => Err(Failure::new(501, format!("the simulated lab does not play factors of type {kind}"))),
    }
}

fn recovery_key() -> String {
    let digits = random_hex(8);
    [&digits[..4], &digits[4..8], &digits[8..12], &digits[12..]].join("-")
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    confirm(lab, request)?;
    let id = request.params.text_or_empty("id");
    let user = existing(lab, request.params.text_or_empty("userid"))?;
    user.factors.remove(id).ok_or_else(|| missing(id))?;
    Ok(Reply::nothing())
}

/// Nobody is ever locked out here, and upstream then knows no such user.
fn unlock(_: &mut Lab, _: &Request) -> Answer {
    Err(Failure::died("no such user"))
}

impl Lab {
    /// The challenge of a TFA ticket: the kinds of factor a user has, colons escaped.
    pub fn challenge(&self, userid: &str) -> String {
        let Some(user) = self.access.users.get(userid) else { return String::new() };
        let mut kinds: Vec<String> = Vec::new();
        if user.factors.values().any(|factor| factor.kind == "totp") {
            kinds.push("\"totp\"%3Atrue".to_owned());
        }
        if let Some(recovery) = user.factors.get("recovery") {
            let left: Vec<String> = (0..recovery.secrets.len()).map(|index| index.to_string()).collect();
            kinds.push(format!("\"recovery\"%3A[{}]", left.join(",")));
        }
        format!("{{{}}}", kinds.join(","))
    }

    /// Whether `code` answers the challenge; a recovery key works once.
    pub fn spend_factor(&mut self, userid: &str, kind: &str, code: &str) -> bool {
        let now = self.now();
        let Some(user) = self.access.users.get_mut(userid) else { return false };
        match kind {
            "totp" => user
                .factors
                .values()
                .filter(|factor| factor.kind == "totp")
                .any(|factor| codes(&factor.secrets[0], now).iter().any(|right| right == code)),
            "recovery" => {
                let Some(recovery) = user.factors.get_mut("recovery") else { return false };
                let before = recovery.secrets.len();
                recovery.secrets.retain(|key| key != code);
                recovery.secrets.len() < before
            }
            _ => false,
        }
    }
}

/// The TOTP codes (RFC 6238, SHA-1, six digits) of now and one step around.
fn codes(secret: &str, now: i64) -> Vec<String> {
    let Some(key) = base32(secret) else { return Vec::new() };
    (-1..=1)
        .map(|shift| {
            let digest = hmac_sha1(&key, &(now / STEP + shift).to_be_bytes());
            let at = usize::from(digest[19] & 0x0f);
            let word = u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]);
            format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
        })
        .collect()
}

fn base32(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = 0_u64;
    let mut count = 0;
    let mut bytes = Vec::new();
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|known| *known == letter.to_ascii_uppercase())?;
        bits = bits << 5 | value as u64;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..20].copy_from_slice(&Sha1::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |byte: u8| block.map(|value| value ^ byte);
    let inner = Sha1::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha1::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B: secret "12345678901234567890", 59 s, eight digits 94287082.
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(codes(secret, 59)[1], "287082");
    }

    #[test]
    fn a_recovery_key_works_once() {
        let mut lab = Lab::default();
        let factor = Factor {
            kind: "recovery".to_owned(),
            description: None,
            created: 0,
            secrets: vec!["a-b-c-d".to_owned(), "e-f-g-h".to_owned()],
        };
        lab.access
            .users
            .entry("tf@pve".to_owned())
            .or_default()
            .factors
            .insert("recovery".to_owned(), factor);
        assert_eq!(lab.challenge("tf@pve"), "{\"recovery\"%3A[0,1]}");
        assert!(lab.spend_factor("tf@pve", "recovery", "a-b-c-d"));
        assert!(!lab.spend_factor("tf@pve", "recovery", "a-b-c-d"));
    }
}
