//! The one place that turns failures of the services into messages: what happened, why, and what to do.

mod connection;
mod refusal;

use std::fmt::Display;

use api_core::Error as CoreError;
use pve_client::{Error as PveError, Finished};
use tf_framework::prelude::*;
use tf_framework::{Attribute, Nesting, Severity};

use crate::cx::Cx;

pub(crate) use connection::{login_refused, pve_not_configured, setting_not_known};
pub(crate) use refusal::how_to_grant;

/// Turns the failure of a service into messages.
pub trait Explain<T> {
    /// `what` completes "Proxmox VE could not …" with the object and its node, as in `start VM 100 on node "pve1"`.
    /// Refused parameters are blamed on the attributes of `M` that have their wire name.
    fn explain<M: ObjectModel>(self, cx: &Cx, what: impl Display) -> Result<T>;

    /// As [`Explain::explain`], for a model whose slots have wire names of their own.
    fn explain_at(self, cx: &Cx, what: impl Display, path_of: &dyn Fn(&str) -> Option<Path>) -> Result<T>;
}

impl<T> Explain<T> for pve_client::Result<T> {
    fn explain<M: ObjectModel>(self, cx: &Cx, what: impl Display) -> Result<T> {
        self.explain_at(cx, what, &|wire| path_of_wire(&M::attributes(), wire))
    }

    fn explain_at(self, cx: &Cx, what: impl Display, path_of: &dyn Fn(&str) -> Option<Path>) -> Result<T> {
        self.map_err(|error| Attempt::new(cx, what.to_string()).failed(error, path_of))
    }
}

/// The attribute that has a wire name. Entries of maps and lists have no one path, so they are not searched.
pub fn path_of_wire(attributes: &[Attribute], wire: &str) -> Option<Path> {
    attributes.iter().find_map(|attribute| {
        let here = Path::attribute(&attribute.name);
        if attribute.wire.as_deref() == Some(wire) {
            return Some(here);
        }
        let (Nesting::Single, nested) = attribute.nested()? else { return None };
        let below = path_of_wire(nested, wire)?;
        Some(below.0.into_iter().fold(here, |path, step| path.step(step)))
    })
}

/// An object with that name exists and is not ours; `M` is its resource and `id` what `import` takes.
pub fn not_ours<M: SchemaModel>(object: impl Display, id: impl Display) -> Error {
    let (command, object) = (import_command::<M>(id), object.to_string());
    Error::new(
        "Object already exists",
        format!(
            "There is already {} {object} that the state does not know: somebody else made it, or an apply that was killed \
             before it could write that down. It was left as it is. To manage it here, import it:\n\n  {command}\n\n\
             Otherwise choose another name or ID.",
            article(&object)
        ),
    )
}

/// The warning of a plan that something has the name of what is to be made.
pub fn taken<M: SchemaModel>(object: impl Display, id: impl Display) -> Diagnostic {
    let (command, object) = (import_command::<M>(id), object.to_string());
    Diagnostic::warning(
        "Name is used already",
        format!(
            "There is already {} {object} that the state does not know. Unless this run removes it first, its creation here \
             fails. To manage it here, import it:\n\n  {command}",
            article(&object)
        ),
    )
}

/// Of what is named here only these begin with a vowel, as it is read: entries, images, interfaces, `HA`.
fn article(object: &str) -> &'static str {
    if object.starts_with(['e', 'i', 'H']) { "an" } else { "a" }
}

/// The command that imports an object.
pub fn import_command<M: SchemaModel>(id: impl Display) -> String {
    format!("tofu import homelab_{}.<name> {id}", M::NAME)
}

/// Why a plan cannot ask the service anything. A login or a certificate that is refused will be in the apply too; a service
/// that does not answer may be there by then, so that is a warning.
pub(crate) fn cannot_be_asked(cx: &Cx, error: PveError) -> Option<Diagnostic> {
    let may_change = match &error {
        PveError::Unauthorized { .. } => false,
        PveError::NeverSent { source } => !matches!(source, CoreError::Untrusted { .. }),
        _ => return None,
    };
    let attempt = Attempt::new(cx, "see what its login may do".to_owned());
    let mut message = attempt.failed(error, &|_| None).0.pop()?;
    if may_change {
        message.severity = Severity::Warning;
        message.detail.push_str("\n\nThis plan was made without asking it, and its apply needs it.");
    }
    Some(message)
}

/// The warnings of a task that ended well, as one message.
pub(crate) fn task_warnings(finished: &Finished, what: &str) -> Option<Diagnostic> {
    if finished.warnings.is_empty() {
        return None;
    }
    Some(Diagnostic::warning(
        "Task ended with warnings",
        format!(
            "Proxmox VE was asked to {what}. It did, and its task warns:\n\n{}\n\nThe whole log is that of task {}.",
            indented(&finished.warnings),
            finished.upid
        ),
    ))
}

/// What was tried, by whom and where.
struct Attempt {
    what: String,
    endpoint: String,
    identity: String,
}

impl Attempt {
    fn new(cx: &Cx, what: String) -> Self {
        let client = cx.pve_client();
        Self {
            what,
            endpoint: client.map(|client| client.endpoint().to_owned()).unwrap_or_default(),
            identity: client.map(pve_client::Client::identity).unwrap_or_default(),
        }
    }

    fn failed(&self, error: PveError, path_of: &dyn Fn(&str) -> Option<Path>) -> Error {
        match error {
            PveError::Rejected { fields, message } => refusal::rejected(self, &message, &fields, path_of),
            PveError::Unauthorized { message } => connection::unauthorized(self, &message),
            PveError::NeverSent { source } => connection::never_sent(self, &source),
            PveError::MaybeApplied { source } => connection::maybe_applied(self, &source),
            PveError::TimedOut { upid } => connection::timed_out(self, upid.as_ref()),
            PveError::Cancelled => connection::cancelled(self),
            PveError::Unreadable { reason } => refusal::unreadable(self, &reason),
            PveError::Config { reason } => connection::misconfigured(&reason),
            PveError::Unexpected { call, reason } => connection::unexpected(self, &call, &reason),
            error => refusal::refused(self, &error),
        }
    }
}

/// The service's words as a quotation.
fn quote(message: &str) -> String {
    format!("“{}”", message.trim())
}

/// Lines as a block of their own.
fn indented<S: AsRef<str>>(lines: &[S]) -> String {
    lines.iter().map(|line| format!("  {}", line.as_ref())).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
