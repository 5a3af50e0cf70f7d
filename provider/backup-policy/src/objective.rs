//! The recovery point objective: how much a restore may lose.

use std::time::Duration;

use crate::gaps::{Firing, Gap};

/// How old the newest backup may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryPoint {
    /// The objective.
    pub objective: Duration,
    /// What a run may take longer, counted from its start: waiting for other jobs, and the copying.
    pub grace: Duration,
}

/// Whether a schedule can keep an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It can, in every gap of the horizon.
    Kept,
    /// It cannot: this gap is longer than objective and grace together.
    Missed(Gap),
    /// Nothing repeats, so any objective is missed in the end.
    NotRepeated,
}

impl RecoveryPoint {
    /// The longest gap that the objective allows.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.objective.saturating_add(self.grace)
    }

    /// Holds the objective against the gaps of a schedule.
    #[must_use]
    pub fn check(&self, firing: &Firing) -> Verdict {
        match firing {
            Firing::Repeatedly(gaps) if gaps.largest.length() <= self.limit() => Verdict::Kept,
            Firing::Repeatedly(gaps) => Verdict::Missed(gaps.largest),
            Firing::Never | Firing::Once(_) => Verdict::NotRepeated,
        }
    }
}
