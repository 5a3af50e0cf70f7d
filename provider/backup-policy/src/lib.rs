//! What a backup policy promises, computed before anything runs: when a schedule fires, how long the
//! gaps are, what pruning keeps, and whether the objectives of a tier hold. No I/O, no clock.

mod calendar;
mod error;
mod gaps;
mod history;
mod keep;
mod objective;
mod retention;
mod stagger;
mod survival;
mod tier;
mod zone;

pub use calendar::{CalendarEvent, Concern};
pub use error::{Error, Result};
pub use gaps::{Firing, Gap, Gaps, Horizon};
pub use history::{EarlyRemoval, History};
pub use jiff::Timestamp;
pub use keep::Keep;
pub use objective::{RecoveryPoint, Verdict};
pub use retention::{Setting, derive_keep, held_days};
pub use stagger::stagger;
pub use tier::{DEFAULT_TIERS, Protection, Tier};
pub use zone::Zone;
