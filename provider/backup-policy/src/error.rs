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
    /// The schedule does not repeat, or no keep values within reason hold the retention.
    #[error("no keep values hold {days} days of backups made at `{event}`")]
    RetentionOutOfReach {
        /// The schedule.
        event: String,
        /// The retention asked for.
        days: u64,
    },
    /// Moving it would change its day, or it has no single time of day, or another clock than the first.
    #[error("`{event}` cannot be moved within its day to start {minutes} minutes apart from the others")]
    CannotStagger {
        /// The schedule.
        event: String,
        /// The distance asked for.
        minutes: u64,
    },
    /// That would be on the next day, or it has no single time of day.
    #[error("`{event}` cannot be moved within its day to start {minutes} minutes later")]
    CannotDelay {
        /// The schedule.
        event: String,
        /// The delay asked for.
        minutes: u64,
    },
}
