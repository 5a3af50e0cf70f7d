//! Virtual machines: configuration, life cycle and guest agent.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    Call, Error, NodeName, Params, Pve, Result, Upid, VmAddress, VmId,
    decode::{Fields as _, objects, scalars},
};

/// The configuration of a machine. Unset options are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmConfig {
    /// The options by wire name, all as text; booleans are `0` and `1`.
    pub values: BTreeMap<String, String>,
    /// The digest to pass with a change.
    pub digest: Option<String>,
}

impl VmConfig {
    /// An option. The blank that stands for an empty list counts as unset.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|text| !text.trim().is_empty())
    }

    /// The options named `prefix` and a number, such as `net0`.
    pub fn indexed<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (u32, &'a str)> + 'a {
        self.values.iter().filter_map(move |(name, value)| {
            let digits = name.strip_prefix(prefix)?;
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            Some((plain.then(|| digits.parse().ok())??, value.as_str()))
        })
    }

    fn decode(data: &Map<String, Value>) -> Self {
        let mut values = scalars(data);
        let digest = values.remove("digest");
        Self { values, digest }
    }
}

/// One option with its applied and its waiting value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingChange {
    /// The wire name.
    pub key: String,
    /// The applied value.
    pub value: Option<String>,
    /// The value that waits for the next start.
    pub pending: Option<String>,
    /// Whether the removal waits for the next start.
    pub delete: bool,
}

impl PendingChange {
    /// Whether a start would change something.
    pub fn waits(&self) -> bool {
        self.delete || self.pending.is_some()
    }
}

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

/// A network interface as the guest sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentInterface {
    /// The guest's name for it.
    pub name: String,
    /// The hardware address.
    pub mac: Option<String>,
    /// The addresses, in the guest's order.
    pub addresses: Vec<AgentAddress>,
}

/// An address of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentAddress {
    /// The address.
    pub address: String,
    /// Whether it is an IPv6 address.
    pub ipv6: bool,
    /// The prefix length.
    pub prefix: Option<i64>,
}

fn post(vm: &VmAddress, rest: &str, params: Params) -> Call {
    Call::post(vm.path(rest)).with(params)
}

fn update(delete: &[String], digest: Option<&str>, set: Params) -> Params {
    set.list("delete", delete).opt("digest", digest)
}

impl Pve {
    /// A free number. Nothing is reserved: a create may still find it taken.
    pub async fn next_id(&self) -> Result<VmId> {
        let call = Call::get("/cluster/nextid");
        let data = self.send(&call).await?;
        crate::decode::text(&data)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| crate::client::unexpected(&call, "the data is not a VM id"))
    }

    /// The configuration with waiting changes merged in.
    pub async fn vm_config(&self, vm: &VmAddress) -> Result<VmConfig> {
        Ok(VmConfig::decode(&self.object(&Call::get(vm.path("/config"))).await?))
    }

    /// The options with applied and waiting values.
    pub async fn vm_pending(&self, vm: &VmAddress) -> Result<Vec<PendingChange>> {
        let list = self.objects(&Call::get(vm.path("/pending"))).await?;
        let change = |entry: &Map<String, Value>| {
            Some(PendingChange {
                key: entry.text("key").filter(|key| key != "digest")?,
                value: entry.text("value"),
                pending: entry.text("pending"),
                delete: entry.int("delete").is_some_and(|level| level > 0),
            })
        };
        Ok(list.iter().filter_map(change).collect())
    }

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

    /// Creates a machine. A taken number is refused at once; the rest happens in the task.
    pub async fn create_vm(&self, vm: &VmAddress, params: Params) -> Result<Upid> {
        self.upid(&create_call(vm, params)).await
    }

    /// Clones a machine or template to a new number.
    pub async fn clone_vm(&self, source: &VmAddress, to: VmId, params: Params) -> Result<Upid> {
        self.upid(&post(source, "/clone", Params::new().set("newid", to).and(params))).await
    }

    /// Changes the configuration at once. Fit for what takes no time; the proxy waits 30 s at most.
    pub async fn set_vm_config(
        &self,
        vm: &VmAddress,
        set: Params,
        delete: &[String],
        digest: Option<&str>,
    ) -> Result<()> {
        self.send(&Call::put(vm.path("/config")).with(update(delete, digest, set))).await.map(drop)
    }

    /// Changes the configuration in a task: for disks that are allocated or imported. `None` if
    /// there was nothing to wait for.
    pub async fn set_vm_config_task(
        &self,
        vm: &VmAddress,
        set: Params,
        delete: &[String],
        digest: Option<&str>,
    ) -> Result<Option<Upid>> {
        let data = self.send(&post(vm, "/config", update(delete, digest, set))).await?;
        Ok(data.as_str().and_then(|text| text.parse().ok()))
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

    /// Grows a disk to a size, or by one with a leading `+`.
    pub async fn resize_disk(
        &self,
        vm: &VmAddress,
        disk: &str,
        size: &str,
        digest: Option<&str>,
    ) -> Result<Upid> {
        let params = Params::new().set("disk", disk).set("size", size).opt("digest", digest);
        self.upid(&Call::put(vm.path("/resize")).with(params)).await
    }

    /// Moves a disk to another storage (`storage`, `format`, `delete`) or machine (`target-vmid`,
    /// `target-disk`).
    pub async fn move_disk(&self, vm: &VmAddress, disk: &str, params: Params) -> Result<Upid> {
        self.upid(&post(vm, "/move_disk", Params::new().set("disk", disk).and(params))).await
    }

    /// Moves a machine to another node; a running one needs `online`.
    pub async fn migrate_vm(
        &self,
        vm: &VmAddress,
        target: &NodeName,
        online: bool,
        more: Params,
    ) -> Result<Upid> {
        let params = Params::new().set("target", target).flag("online", online).and(more);
        self.upid(&post(vm, "/migrate", params)).await
    }

    /// Turns a machine into a template.
    pub async fn make_template(&self, vm: &VmAddress) -> Result<Upid> {
        self.upid(&post(vm, "/template", Params::new())).await
    }

    /// Detaches disks to `unusedN`, or deletes them with `force`.
    pub async fn unlink_disks(&self, vm: &VmAddress, disks: &[String], force: bool) -> Result<()> {
        let params = Params::new().list("idlist", disks).flag("force", force);
        self.send(&Call::put(vm.path("/unlink")).with(params)).await.map(drop)
    }

    /// Deletes a stopped machine with the disks it owns.
    pub async fn delete_vm(
        &self,
        vm: &VmAddress,
        purge: bool,
        destroy_unreferenced_disks: bool,
    ) -> Result<Upid> {
        self.upid(&delete_call(vm, purge, destroy_unreferenced_disks)).await
    }

    /// Writes the cloud-init drive anew.
    pub async fn regenerate_cloud_init(&self, vm: &VmAddress) -> Result<()> {
        self.send(&Call::put(vm.path("/cloudinit"))).await.map(drop)
    }

    /// The guest's network interfaces; `None` while the agent does not answer.
    pub async fn agent_interfaces(&self, vm: &VmAddress) -> Result<Option<Vec<AgentInterface>>> {
        let call = Call::get(vm.path("/agent/network-get-interfaces"));
        match self.object(&call).await {
            Ok(mut data) => Ok(Some(interfaces(data.remove("result").unwrap_or_default()))),
            Err(Error::Refused { problem: crate::Problem::AgentSilent, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn create_call(vm: &VmAddress, params: Params) -> Call {
    Call::post(format!("/nodes/{}/qemu", vm.node)).with(Params::new().set("vmid", vm.id).and(params))
}

fn delete_call(vm: &VmAddress, purge: bool, sweep: bool) -> Call {
    // The default of the second one changed between releases, so it is always sent.
    Call::delete(vm.path(""))
        .with(Params::new().flag("purge", purge).bool("destroy-unreferenced-disks", sweep))
}

fn interfaces(result: Value) -> Vec<AgentInterface> {
    let address = |entry: &Map<String, Value>| {
        Some(AgentAddress {
            address: entry.text("ip-address")?,
            ipv6: entry.text("ip-address-type").as_deref() == Some("ipv6"),
            prefix: entry.int("prefix"),
        })
    };
    let interface = |entry: Map<String, Value>| {
        Some(AgentInterface {
            name: entry.text("name")?,
            mac: entry.text("hardware-address"),
            addresses: objects(entry.get("ip-addresses").cloned().unwrap_or_default())
                .iter()
                .filter_map(address)
                .collect(),
        })
    };
    objects(result).into_iter().filter_map(interface).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vm() -> VmAddress {
        VmAddress::new("pve1".parse().unwrap(), VmId::new(100).unwrap())
    }

    #[test]
    fn calls_have_exactly_these_bytes() {
        let create =
            Params::new().set("name", "web 1").set("scsi0", "local:8,discard=on").bool("onboot", true);
        assert_eq!(
            create_call(&vm(), create).wire(),
            "POST /api2/json/nodes/pve1/qemu vmid=100&name=web+1&scsi0=local%3A8%2Cdiscard%3Don&onboot=1"
        );
        assert_eq!(
            delete_call(&vm(), true, false).wire(),
            "DELETE /api2/json/nodes/pve1/qemu/100?purge=1&destroy-unreferenced-disks=0"
        );
        let change = update(&["tags".into(), "net1".into()], Some("abc"), Params::new().set("cores", 4));
        assert_eq!(
            Call::put(vm().path("/config")).with(change).wire(),
            "PUT /api2/json/nodes/pve1/qemu/100/config cores=4&delete=tags%2Cnet1&digest=abc"
        );
        assert_eq!(
            post(&vm(), "/status/start", Params::new()).wire(),
            "POST /api2/json/nodes/pve1/qemu/100/status/start"
        );
    }

    #[test]
    fn a_configuration_is_all_text_and_its_digest_is_apart() {
        let Value::Object(data) = json!({"memory": "512", "cores": 2, "onboot": 1, "digest": "d", "boot": " ", "parent": null, "net0": "virtio=A", "net10": "x", "network": "y"})
        else {
            unreachable!()
        };
        let config = VmConfig::decode(&data);
        assert_eq!(config.digest.as_deref(), Some("d"));
        assert_eq!(
            (config.value("memory"), config.value("cores"), config.value("boot"), config.value("parent")),
            (Some("512"), Some("2"), None, None)
        );
        assert_eq!(config.indexed("net").collect::<Vec<_>>(), [(0, "virtio=A"), (10, "x")]);
    }

    #[test]
    fn the_agents_addresses_are_read() {
        let got = interfaces(
            json!([{"name": "eth0", "hardware-address": "aa", "ip-addresses": [{"ip-address": "10.0.0.2", "ip-address-type": "ipv4", "prefix": 24}]}, {"name": "lo"}]),
        );
        assert_eq!(
            got[0].addresses,
            [AgentAddress { address: "10.0.0.2".into(), ipv6: false, prefix: Some(24) }]
        );
        assert!(got[1].addresses.is_empty());
    }
}
