//! What names a token, and what an import tells beside it.

use std::fmt;
use std::str::FromStr;

use pve_client::TokenId;

/// What comes before the rotation that an import tells.
const ROTATION: &str = "rotation_id=";

/// `user@realm!name`, and after a blank what an import tells of its rotation, which cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenReference {
    /// The token.
    pub(super) id: TokenId,
    /// The rotation that gave its present secret.
    pub(super) rotation_id: Option<String>,
}

impl From<TokenId> for TokenReference {
    fn from(id: TokenId) -> Self {
        Self { id, rotation_id: None }
    }
}

/// A text names no token.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTokenReference {
    /// It does not begin with a token.
    #[error(transparent)]
    NoToken(#[from] pve_client::InvalidId),
    /// What follows it is not understood.
    #[error("what follows the token has to be `rotation_id=` and a text, and {0:?} is not")]
    NotTold(String),
}

impl FromStr for TokenReference {
    type Err = InvalidTokenReference;

    fn from_str(text: &str) -> Result<Self, InvalidTokenReference> {
        let Some((id, told)) = text.split_once(' ') else { return Ok(text.parse::<TokenId>()?.into()) };
        let id = id.parse()?;
        // Any text may be a rotation, also one with blanks.
        match told.strip_prefix(ROTATION).filter(|rotation| !rotation.is_empty()) {
            Some(rotation) => Ok(Self { id, rotation_id: Some(rotation.to_owned()) }),
            None => Err(InvalidTokenReference::NotTold(told.to_owned())),
        }
    }
}

impl fmt::Display for TokenReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rotation_id {
            Some(rotation) => write!(f, "{} {ROTATION}{rotation}", self.id),
            None => self.id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_may_tell_the_rotation_of_a_token() {
        for (text, rotation) in [
            ("ci@pve!deploy", None),
            ("ci@pve!deploy rotation_id=3", Some("3")),
            ("ci@pve!deploy rotation_id=of May, the 1st", Some("of May, the 1st")),
        ] {
            let read: TokenReference = text.parse().unwrap();
            assert_eq!((read.rotation_id.as_deref(), read.to_string().as_str()), (rotation, text));
        }
        for bad in ["ci@pve", "ci@pve!deploy ", "ci@pve!deploy rotation_id=", "ci@pve!deploy comment=a"] {
            assert!(bad.parse::<TokenReference>().is_err(), "{bad}");
        }
    }
}
