//! Volumes on storages: names, allocation, files that are uploaded or downloaded.

pub mod alloc;
pub mod backups;
pub mod decompress;
pub mod download;
pub mod fetch;
pub mod file;
pub mod image;
pub mod link;
pub mod list;
pub mod naming;
pub mod upload;
pub mod volume;

use super::handlers::Route;

/// Handlers of this part.
pub const ROUTES: &[&[Route]] =
    &[backups::ROUTES, download::ROUTES, image::ROUTES, list::ROUTES, upload::ROUTES];
