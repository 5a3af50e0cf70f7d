//! Tickets, CSRF tokens, API tokens and passwords.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256, Sha512};

use super::answer::Failure;
use super::permissions::Principal;
use super::state::{Lab, User, random_hex};

/// Life of a ticket, in seconds.
pub const TICKET_LIFE: i64 = 7200;
/// How far a ticket may lie in the future, in seconds.
const CLOCK_SKEW: i64 = 300;

/// Credentials of one request, as its headers carry them.
#[derive(Debug, Default)]
pub struct Credentials {
    /// Ticket from the cookie or the `Authorization` header.
    pub ticket: Option<String>,
    /// `user@realm!id=secret`, or with a blank before the secret.
    pub token: Option<String>,
    /// The header `CSRFPreventionToken`.
    pub csrf: Option<String>,
}

impl Credentials {
    /// Reads the headers that may carry credentials.
    pub fn from_headers(cookie: Option<&str>, authorization: Option<&str>, csrf: Option<&str>) -> Self {
        let authorization = authorization.unwrap_or_default();
        let token = authorization.strip_prefix("PVEAPIToken").and_then(|rest| rest.strip_prefix(['=', ' ']));
        let ticket = authorization
            .strip_prefix("PVEAuthCookie=")
            .or_else(|| cookie?.split(';').find_map(|pair| pair.trim().strip_prefix("PVEAuthCookie=")));
        Self {
            ticket: ticket.map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned()),
            token: token.map(str::to_owned),
            csrf: csrf.map(str::to_owned),
        }
    }
}

impl Lab {
    /// Whose request it is; refuses as the front end does, with the text in the status line only.
    pub fn authenticate(&self, credentials: &Credentials, method: &str) -> Result<Principal, Failure> {
        let failed = || Failure::bare(401, "Authentication failed!");
        if let Some(token) = &credentials.token {
            return self.token_owner(token).ok_or_else(failed);
        }
        let Some(ticket) = &credentials.ticket else { return Err(Failure::bare(401, "No ticket")) };
        // The ticket of a challenge is signed together with its user's name: used as a login, it is a broken one.
        let user = self.ticket_subject(ticket).filter(|user| self.may_log_in(user)).ok_or_else(failed)?;
        if method != "GET" && !credentials.csrf.as_deref().is_some_and(|token| self.csrf_holds(&user, token))
        {
            return Err(Failure::bare(401, "Permission denied - invalid csrf token"));
        }
        Ok(Principal(user))
    }

    /// Whether the user exists, is enabled and has not expired.
    pub fn may_log_in(&self, userid: &str) -> bool {
        self.access.users.get(userid).is_some_and(|user| self.is_active(user))
    }

    fn is_active(&self, user: &User) -> bool {
        user.enabled && (user.expire == 0 || user.expire > self.now())
    }

    fn token_owner(&self, text: &str) -> Option<Principal> {
        if *text == self.access.operator_token {
            return Some(Principal(text.split('=').next()?.to_owned()));
        }
        let (id, secret) = text.split_once(['=', ' '])?;
        let (userid, token_id) = id.split_once('!')?;
        let user = self.access.users.get(userid).filter(|user| self.is_active(user))?;
        let token = user.tokens.get(token_id)?;
        let alive = token.expire == 0 || token.expire > self.now();
        (alive && token.secret == secret).then(|| Principal(id.to_owned()))
    }

    /// A ticket for a user, or for `!tfa!…`.
    pub fn ticket(&self, subject: &str) -> String {
        let plain = format!("PVE:{subject}:{:08X}", self.now());
        let signature = self.signature(&plain);
        format!("{plain}::{signature}")
    }

    /// The subject of a ticket that this lab signed and that is still good.
    pub fn ticket_subject(&self, ticket: &str) -> Option<String> {
        let (plain, signature) = ticket.split_once("::")?;
        if signature != self.signature(plain) {
            return None;
        }
        let (subject, time) = plain.strip_prefix("PVE:")?.rsplit_once(':')?;
        let age = self.now() - i64::from_str_radix(time, 16).ok()?;
        (age > -CLOCK_SKEW && age < TICKET_LIFE).then(|| subject.to_owned())
    }

    /// The CSRF token that goes with a user's tickets.
    pub fn csrf_token(&self, user: &str) -> String {
        self.csrf_at(user, &format!("{:08X}", self.now()))
    }

    fn csrf_holds(&self, user: &str, token: &str) -> bool {
        let Some((time, _)) = token.split_once(':') else { return false };
        let Ok(made) = i64::from_str_radix(time, 16) else { return false };
        let age = self.now() - made;
        age > -CLOCK_SKEW && age < TICKET_LIFE && self.csrf_at(user, time) == token
    }

    fn csrf_at(&self, user: &str, time: &str) -> String {
        let digest = Sha256::digest(format!("{}:csrf:{time}:{user}", self.access.key));
        format!("{time}:{}", STANDARD_NO_PAD.encode(digest))
    }

    /// As long as upstream's RSA signature.
    fn signature(&self, plain: &str) -> String {
        let mut bytes = Vec::with_capacity(256);
        for part in 0..4 {
            bytes.extend(Sha512::digest(format!("{}:ticket:{part}:{plain}", self.access.key)));
        }
        STANDARD.encode(bytes)
    }
}

/// A salted digest to keep instead of a password.
pub fn hashed(password: &str) -> String {
    let salt = random_hex(8);
    format!("{salt}${}", salted(&salt, password))
}

/// Whether the password is the one that was hashed.
pub fn matches(hash: &str, password: &str) -> bool {
    hash.split_once('$').is_some_and(|(salt, digest)| salted(salt, password) == digest)
}

fn salted(salt: &str, password: &str) -> String {
    Sha256::digest(format!("{salt}:{password}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::state::Token;

    fn lab() -> Lab {
        let mut lab = Lab::default();
        lab.access.key = "key".to_owned();
        let token = Token { secret: "s3cret".to_owned(), ..Token::default() };
        let tokens = [("tok".to_owned(), token)].into();
        lab.access.users.insert("root@pam".to_owned(), User { enabled: true, tokens, ..User::default() });
        lab
    }

    fn refusal(lab: &Lab, credentials: &Credentials, method: &str) -> String {
        let failure = lab.authenticate(credentials, method).unwrap_err();
        assert!(failure.bare && failure.status == 401);
        failure.message
    }

    fn with_ticket(ticket: &str, csrf: Option<&str>) -> Credentials {
        Credentials::from_headers(Some(&format!("PVEAuthCookie={ticket}")), None, csrf)
    }

    #[test]
    fn a_ticket_works_until_it_is_two_hours_old() {
        let mut lab = lab();
        let ticket = lab.ticket("root@pam");
        assert!(lab.authenticate(&with_ticket(&ticket, None), "GET").unwrap().is_root());
        lab.clock_offset += TICKET_LIFE + 1;
        assert_eq!(refusal(&lab, &with_ticket(&ticket, None), "GET"), "Authentication failed!");
    }

    #[test]
    fn a_write_with_a_ticket_needs_the_csrf_token_of_its_user() {
        let lab = lab();
        let ticket = lab.ticket("root@pam");
        let csrf = lab.csrf_token("root@pam");
        assert!(lab.authenticate(&with_ticket(&ticket, Some(&csrf)), "POST").is_ok());
        let refused = "Permission denied - invalid csrf token";
        assert_eq!(refusal(&lab, &with_ticket(&ticket, None), "POST"), refused);
        let other = lab.csrf_token("tf@pve");
        assert_eq!(refusal(&lab, &with_ticket(&ticket, Some(&other)), "POST"), refused);
    }

    #[test]
    fn a_token_may_be_separated_by_a_blank_and_needs_no_csrf_token() {
        let lab = lab();
        for text in ["PVEAPIToken=root@pam!tok=s3cret", "PVEAPIToken=root@pam!tok s3cret"] {
            let credentials = Credentials::from_headers(None, Some(text), None);
            let who = lab.authenticate(&credentials, "POST").unwrap();
            assert_eq!(who.0, "root@pam!tok");
            assert!(!who.is_root());
        }
        let wrong = Credentials::from_headers(None, Some("PVEAPIToken=root@pam!tok=x"), None);
        assert_eq!(refusal(&lab, &wrong, "GET"), "Authentication failed!");
    }

    #[test]
    fn other_schemes_are_no_ticket() {
        let bearer = Credentials::from_headers(None, Some("Bearer abc"), None);
        assert_eq!(refusal(&lab(), &bearer, "GET"), "No ticket");
    }

    #[test]
    fn the_ticket_of_a_challenge_is_no_login() {
        let lab = lab();
        let ticket = lab.ticket("!tfa!{}");
        assert_eq!(refusal(&lab, &with_ticket(&ticket, None), "GET"), "Authentication failed!");
    }

    #[test]
    fn a_tampered_ticket_is_refused() {
        let lab = lab();
        let ticket = lab.ticket("tf@pve").replace("tf@pve", "root@pam");
        assert_eq!(refusal(&lab, &with_ticket(&ticket, None), "GET"), "Authentication failed!");
    }
}
