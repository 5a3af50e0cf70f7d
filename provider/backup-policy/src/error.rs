//! What can be wrong with a policy's text.

/// The result of reading a policy's text.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a policy cannot be read or met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Proxmox refuses this calendar event too.
    #[error("calendar event `{event}` is not understood at `{rest}`: {expected}")]
    Unreadable {
        /// The text as given.
        event: String,
        /// Where reading stopped.
        rest: String,
        /// What would have been understood there.
        expected: &'static str,
    },
    /// Not a name of the IANA time zone database.
    #[error("time zone `{0}` is not in the IANA database")]
    UnknownZone(String),
}
