//! The configuration of a virtual machine, its waiting changes, and its disks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{
    Call, Params, Pve, Result, Upid, VmAddress,
    decode::{Fields as _, scalars, words},
    vms::post,
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

    /// The tags.
    pub fn tags(&self) -> BTreeSet<String> {
        self.value("tags").map(|tags| words(tags).map(str::to_owned).collect()).unwrap_or_default()
    }

    /// The options named `prefix` and a number, such as `net0`.
    pub fn indexed<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (u32, &'a str)> + 'a {
        self.values.iter().filter_map(move |(name, value)| {
            let digits = name.strip_prefix(prefix)?;
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            Some((plain.then(|| digits.parse().ok())??, value.as_str()))
        })
    }

    pub(crate) fn decode(data: &Map<String, Value>) -> Self {
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

/// Every option with its applied and its waiting value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmPending {
    /// The options, in the order of the answer.
    pub options: Vec<PendingChange>,
    /// The digest to pass with a change.
    pub digest: Option<String>,
}

impl VmPending {
    fn decode(list: &[Map<String, Value>]) -> Self {
        let mut pending = Self::default();
        for entry in list {
            match entry.text("key") {
                Some(key) if key == "digest" => pending.digest = entry.text("value"),
                Some(key) => pending.options.push(PendingChange {
                    key,
                    value: entry.text("value"),
                    pending: entry.text("pending"),
                    delete: entry.int("delete").is_some_and(|level| level > 0),
                }),
                None => {}
            }
        }
        pending
    }

    /// The configuration with the waiting changes merged in, as a start would make it.
    pub fn merged(&self) -> VmConfig {
        let kept = self.options.iter().filter(|option| !option.delete);
        let values = kept.filter_map(|option| {
            let value = option.pending.as_ref().or(option.value.as_ref())?;
            Some((option.key.clone(), value.clone()))
        });
        VmConfig { values: values.collect(), digest: self.digest.clone() }
    }

    /// The wire names of the options that wait for a start.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        self.options.iter().filter(|option| option.waits()).map(|option| option.key.as_str())
    }
}

fn update(delete: &[String], digest: Option<&str>, set: Params) -> Params {
    set.list("delete", delete).opt("digest", digest)
}

impl Pve {
    /// The configuration with waiting changes merged in.
    pub async fn vm_config(&self, vm: &VmAddress) -> Result<VmConfig> {
        Ok(VmConfig::decode(&self.object(&Call::get(vm.path("/config"))).await?))
    }

    /// The configuration of a container.
    pub async fn container_config(&self, container: &VmAddress) -> Result<VmConfig> {
        let path = format!("/nodes/{}/lxc/{}/config", container.node, container.id);
        Ok(VmConfig::decode(&self.object(&Call::get(path)).await?))
    }

    /// The options with applied and waiting values, and the digest: all that a refresh needs.
    pub async fn vm_pending(&self, vm: &VmAddress) -> Result<VmPending> {
        Ok(VmPending::decode(&self.objects(&Call::get(vm.path("/pending"))).await?))
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
    pub async fn move_disk(
        &self,
        vm: &VmAddress,
        disk: &str,
        params: Params,
        digest: Option<&str>,
    ) -> Result<Upid> {
        let params = Params::new().set("disk", disk).and(params).opt("digest", digest);
        self.upid(&post(vm, "/move_disk", params)).await
    }

    /// Detaches disks to `unusedN`, or deletes them with `force`.
    pub async fn unlink_disks(&self, vm: &VmAddress, disks: &[String], force: bool) -> Result<()> {
        let params = Params::new().list("idlist", disks).flag("force", force);
        self.send(&Call::put(vm.path("/unlink")).with(params)).await.map(drop)
    }

    /// Writes the cloud-init drive anew.
    pub async fn regenerate_cloud_init(&self, vm: &VmAddress) -> Result<()> {
        self.send(&Call::put(vm.path("/cloudinit"))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vm() -> VmAddress {
        VmAddress::new("pve1".parse().unwrap(), crate::VmId::new(100).unwrap())
    }

    #[test]
    fn a_change_has_exactly_these_bytes() {
        let change = update(&["tags".into(), "net1".into()], Some("abc"), Params::new().set("cores", 4));
        assert_eq!(
            Call::put(vm().path("/config")).with(change).wire(),
            "PUT /api2/json/nodes/pve1/qemu/100/config cores=4&delete=tags%2Cnet1&digest=abc"
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
    fn waiting_changes_are_merged_and_the_digest_is_apart() {
        let Value::Array(list) = json!([
            {"key": "cores", "value": 2, "pending": 4},
            {"key": "net1", "value": "virtio=A", "delete": 1},
            {"key": "name", "value": "web"},
            {"key": "digest", "value": "d"}
        ]) else {
            unreachable!()
        };
        let pending = VmPending::decode(&crate::decode::objects(Value::Array(list)));
        assert_eq!(pending.waiting().collect::<Vec<_>>(), ["cores", "net1"]);
        let merged = pending.merged();
        assert_eq!((merged.value("cores"), merged.value("net1")), (Some("4"), None));
        assert_eq!((merged.value("name"), merged.digest.as_deref()), (Some("web"), Some("d")));
    }
}
