//! The plugin `terraform-provider-homelab`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tf_plugin::serve::<homelab::Homelab>(env!("CARGO_PKG_VERSION"))
}
