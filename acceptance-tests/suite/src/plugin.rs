//! The built plugin, spoken to by the core emulator instead of a CLI.

use core_emulator::{Cli, Core, Launch, Plugin};
use serde_json::{Value, json};

use crate::lab::Lab;
use crate::process::binaries;

/// The plugin, ready to be started as a CLI starts it. What the developer has set for the provider does not reach it.
pub fn launch() -> Launch {
    let ours = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    ours.filter(|name| name.starts_with("HOMELAB_PVE_") || name.starts_with("TF_LOG"))
        .fold(Launch::new(&binaries().join("terraform-provider-homelab")), |launch, name| {
            launch.without(&name)
        })
}

/// A running plugin.
pub async fn started() -> Plugin {
    launch().start().await.expect("the plugin starts")
}

/// A core that has loaded the schemas.
pub async fn core(plugin: &Plugin) -> Core {
    let channel = plugin.channel().await.expect("the plugin lets its owner in");
    Core::connect(channel, Cli::Terraform).await.expect("the schemas are legal")
}

/// The provider block for a lab, as JSON.
pub fn block(lab: &Lab) -> Value {
    json!({ "pve": { "endpoint": lab.endpoint(), "api_token": lab.api_token(), "ca_file": lab.ca_file() } })
}

/// A running plugin and a core that has configured it for a lab.
pub async fn configured(lab: &Lab) -> (Plugin, Core) {
    configured_by(&block(lab)).await
}

/// The same with the token of somebody else.
pub async fn configured_as(lab: &Lab, api_token: &str) -> (Plugin, Core) {
    let mut block = block(lab);
    block["pve"]["api_token"] = json!(api_token);
    configured_by(&block).await
}

async fn configured_by(block: &Value) -> (Plugin, Core) {
    let plugin = started().await;
    let core = core(&plugin).await;
    core.configure(block).await.expect("the lab is as its ready file says");
    (plugin, core)
}
