//! Volumes on storages: names, allocation, files that are uploaded or downloaded.

pub mod alloc;
pub mod link;
pub mod list;
pub mod naming;
pub mod volume;

use super::handlers::Route;

/// Handlers of this part.
pub const ROUTES: &[&[Route]] = &[list::ROUTES];
