//! What a guest reads at first boot: cloud-init's data, rendered and put on a NoCloud disc image in
//! memory. No I/O, no clock: the same data gives the same bytes.

mod check;
mod cloud_config;
mod iso;
mod no_cloud;
mod syntax;
mod user_data;
mod yaml;

pub use check::{Mistake, mistakes};
pub use cloud_config::{NotAnObject, cloud_config};
pub use iso::{Error as IsoError, File, image};
pub use no_cloud::NoCloud;
pub use syntax::{BrokenYaml, check_yaml};
pub use user_data::{Format, format_of};
