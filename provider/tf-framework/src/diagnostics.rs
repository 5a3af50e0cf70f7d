//! Messages to users, and the error type that carries them.

use std::fmt;

use crate::path::Path;

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The operation failed.
    Error,
    /// The operation worked, but the user should know something.
    Warning,
}

/// One message to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Two to five words, without data of the user.
    pub summary: String,
    /// What happened, why, and what to do.
    pub detail: String,
    /// The setting to blame.
    pub path: Option<Path>,
    /// Whether it says no more than that the part of the service that knows the object cannot be asked now.
    pub out_of_reach: bool,
}

impl Diagnostic {
    /// An error.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            summary: summary.into(),
            detail: detail.into(),
            path: None,
            out_of_reach: false,
        }
    }

    /// A warning.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary, detail) }
    }

    /// An error that only a defect of the provider can cause.
    pub fn bug(detail: impl fmt::Display) -> Self {
        Self::error("Provider bug", format!("{detail} This is a bug in the homelab provider."))
    }

    /// Names the setting to blame.
    #[must_use]
    pub fn at(mut self, path: impl Into<Path>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Names the setting to blame unless one is named already.
    #[must_use]
    pub fn or_at(mut self, path: &Path) -> Self {
        if self.path.is_none() && !path.is_root() {
            self.path = Some(path.clone());
        }
        self
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        write!(f, "{}: {}", self.summary, self.detail)
    }
}

/// Messages collected during one operation, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// No messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message unless it is there already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Adds an error about one setting.
    pub fn error(&mut self, path: impl Into<Path>, summary: impl Into<String>, detail: impl Into<String>) {
        self.push(Diagnostic::error(summary, detail).at(path));
    }

    /// Adds a warning about one setting.
    pub fn warn(&mut self, path: impl Into<Path>, summary: impl Into<String>, detail: impl Into<String>) {
        self.push(Diagnostic::warning(summary, detail).at(path));
    }

    /// Adds every message of an error.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }

    /// Whether any message is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The messages, in order.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }
}

/// Failure of an operation: one or more messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub Vec<Diagnostic>);

/// Result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// One error without a path.
    pub fn new(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self(vec![Diagnostic::error(summary, detail)])
    }

    /// Says that the object may well be there, though nobody can be asked for it now. A refresh that fails so keeps the
    /// state and warns, so that a run can go on with everything else.
    #[must_use]
    pub fn out_of_reach(mut self) -> Self {
        self.0.iter_mut().for_each(|message| message.out_of_reach = true);
        self
    }

    /// Whether that is all that is wrong.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        self.0.iter().filter(|message| message.is_error()).all(|message| message.out_of_reach)
    }

    /// Names the setting to blame in every message that names none.
    #[must_use]
    pub fn at(self, path: impl Into<Path>) -> Self {
        let path = path.into();
        Self(self.0.into_iter().map(|diagnostic| diagnostic.or_at(&path)).collect())
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl From<Diagnostics> for Error {
    fn from(diagnostics: Diagnostics) -> Self {
        Self(diagnostics.0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, diagnostic) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
