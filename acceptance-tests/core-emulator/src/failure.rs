//! Why a step did not work.

use crate::proto::tfplugin6::{self as wire, attribute_path::step::Selector, diagnostic::Severity};

/// Why a step did not work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The provider said so.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Message>),
    /// The answer breaks a rule of the CLIs, which would print a bug report.
    #[error("rule broken: {0}")]
    Rule(String),
    /// There was no answer.
    #[error("no answer: {0}")]
    Rpc(#[from] tonic::Status),
}

impl Failure {
    /// The errors that the provider gave.
    ///
    /// # Panics
    /// When it failed for another reason.
    pub fn refused(self) -> Vec<Message> {
        match self {
            Self::Refused(messages) => messages,
            other => panic!("{other}"),
        }
    }
}

/// What the provider says to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// An error, or else a warning.
    pub is_error: bool,
    /// One line.
    pub summary: String,
    /// Sentences.
    pub detail: String,
    /// The setting to blame, like `disks["scsi1"].size_gib`; empty for none.
    pub path: String,
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}] {}: {}", self.path, self.summary, self.detail)
    }
}

/// Reads messages and checks what a CLI takes for granted: a severity, a summary, paths with steps.
pub(crate) fn messages(from: &[wire::Diagnostic]) -> Result<Vec<Message>, Failure> {
    from.iter()
        .map(|from| {
            let is_error = match from.severity() {
                Severity::Error => true,
                Severity::Warning => false,
                Severity::Invalid => return Err(Failure::Rule("a message has no severity".to_owned())),
            };
            if from.summary.is_empty() {
                return Err(Failure::Rule(format!("a message has no summary: {:?}", from.detail)));
            }
            Ok(Message {
                is_error,
                summary: from.summary.clone(),
                detail: from.detail.clone(),
                path: from.attribute.as_ref().map(path).unwrap_or_default(),
            })
        })
        .collect()
}

/// The warnings, or every message if one is an error.
pub(crate) fn warnings(from: &[wire::Diagnostic]) -> Result<Vec<Message>, Failure> {
    let messages = messages(from)?;
    if messages.iter().any(|message| message.is_error) {
        return Err(Failure::Refused(messages));
    }
    Ok(messages)
}

/// A path as people write it.
pub(crate) fn path(path: &wire::AttributePath) -> String {
    let mut text = String::new();
    for step in &path.steps {
        match &step.selector {
            Some(Selector::AttributeName(name)) if text.is_empty() => text.push_str(name),
            Some(Selector::AttributeName(name)) => text.push_str(&format!(".{name}")),
            Some(Selector::ElementKeyString(key)) => text.push_str(&format!("[{key:?}]")),
            Some(Selector::ElementKeyInt(index)) => text.push_str(&format!("[{index}]")),
            None => text.push_str(".?"),
        }
    }
    text
}
