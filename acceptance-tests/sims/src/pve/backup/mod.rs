//! Backups: who is in them, how they are made, pruned and restored, and the jobs that the clock starts.

pub mod archive;
pub mod calls;
pub mod prune;
pub mod restore;
pub mod run;
pub mod schedule;
pub mod selection;

use super::handlers::Route;

/// Handlers of this part.
pub const ROUTES: &[&[Route]] = &[calls::ROUTES, prune::ROUTES, selection::ROUTES];
