//! What a virtual machine does: its status, and starting and stopping it.

use serde_json::Value;

use crate::{Call, Params, Pve, Result, Upid, VmAddress, decode::Fields as _, vms::post};

/// What a machine does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmStatus {
    /// Whether QEMU runs, paused or not.
    pub running: bool,
    /// The state inside QEMU, such as `paused`.
    pub qmp_status: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The lock.
    pub lock: Option<String>,
    /// Whether it is a template.
    pub template: bool,
    /// Whether the agent is enabled in the configuration.
    pub agent: bool,
    /// Whether high availability manages it.
    pub ha_managed: bool,
    /// The time since its start, in seconds.
    pub uptime_seconds: Option<i64>,
}

impl Pve {
    /// What the machine does.
    pub async fn vm_status(&self, vm: &VmAddress) -> Result<VmStatus> {
        let data = self.object(&Call::get(vm.path("/status/current"))).await?;
        let ha = data.get("ha").and_then(Value::as_object);
        Ok(VmStatus {
            running: data.text("status").as_deref() == Some("running"),
            qmp_status: data.text("qmpstatus"),
            name: data.text("name"),
            lock: data.text("lock"),
            template: data.truth("template"),
            agent: data.truth("agent"),
            ha_managed: ha.is_some_and(|ha| ha.truth("managed")),
            uptime_seconds: data.int("uptime"),
        })
    }

    /// Starts a machine.
    pub async fn start_vm(&self, vm: &VmAddress) -> Result<Upid> {
        self.upid(&post(vm, "/status/start", Params::new())).await
    }

    /// Pulls the plug.
    pub async fn stop_vm(&self, vm: &VmAddress) -> Result<Upid> {
        self.upid(&post(vm, "/status/stop", Params::new())).await
    }

    /// Asks the guest to shut down; after the timeout pulls the plug if `force`.
    pub async fn shutdown_vm(
        &self,
        vm: &VmAddress,
        timeout_seconds: Option<u32>,
        force: bool,
    ) -> Result<Upid> {
        let params = Params::new().opt("timeout", timeout_seconds).flag("forceStop", force);
        self.upid(&post(vm, "/status/shutdown", params)).await
    }

    /// Shuts down and starts, which applies waiting changes.
    pub async fn reboot_vm(&self, vm: &VmAddress, timeout_seconds: Option<u32>) -> Result<Upid> {
        self.upid(&post(vm, "/status/reboot", Params::new().opt("timeout", timeout_seconds))).await
    }
}
