//! Storages of a node and what they hold.

use std::collections::BTreeSet;

use crate::{
    Call, NodeName, Params, Pve, Result, StorageName, Upid, VmId, VolumeId,
    call::segment,
    decode::{Fields as _, words},
};

/// A storage as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageStatus {
    /// The name.
    pub name: StorageName,
    /// Such as `dir` or `zfspool`.
    pub kind: String,
    /// The kinds of content it may hold.
    pub content: BTreeSet<String>,
    /// Whether it is usable now.
    pub active: bool,
    /// Whether it is not disabled.
    pub enabled: bool,
    /// Whether all nodes see the same content.
    pub shared: bool,
    /// The size in bytes.
    pub total_bytes: Option<i64>,
    /// The free space in bytes.
    pub available_bytes: Option<i64>,
    /// The used space in bytes.
    pub used_bytes: Option<i64>,
}

/// A volume of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The id.
    pub id: VolumeId,
    /// Such as `images`, `iso` or `import`.
    pub content: String,
    /// Such as `raw` or `qcow2`.
    pub format: Option<String>,
    /// The size in bytes.
    pub size_bytes: Option<i64>,
    /// The guest that owns it.
    pub vm_id: Option<VmId>,
    /// The time of creation, in seconds since 1970.
    pub created_at: Option<i64>,
}

impl Pve {
    /// The storages of a node, by name.
    pub async fn storages(&self, node: &NodeName) -> Result<Vec<StorageStatus>> {
        let mut storages: Vec<StorageStatus> = self
            .objects(&Call::get(format!("/nodes/{node}/storage")))
            .await?
            .iter()
            .filter_map(|storage| {
                Some(StorageStatus {
                    name: storage.parsed("storage")?,
                    kind: storage.text("type").unwrap_or_default(),
                    content: storage
                        .text("content")
                        .map(|text| words(&text).map(str::to_owned).collect())
                        .unwrap_or_default(),
                    active: storage.truth("active"),
                    enabled: storage.truth("enabled"),
                    shared: storage.truth("shared"),
                    total_bytes: storage.int("total"),
                    available_bytes: storage.int("avail"),
                    used_bytes: storage.int("used"),
                })
            })
            .collect();
        storages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(storages)
    }

    /// The volumes of a storage, by id; of one kind of content or of one guest if asked.
    pub async fn volumes(
        &self,
        node: &NodeName,
        storage: &StorageName,
        content: Option<&str>,
        vm: Option<VmId>,
    ) -> Result<Vec<Volume>> {
        let params = Params::new().opt("content", content).opt("vmid", vm);
        let mut volumes: Vec<Volume> = self
            .objects(&Call::get(format!("/nodes/{node}/storage/{storage}/content")).with(params))
            .await?
            .iter()
            .filter_map(|volume| {
                Some(Volume {
                    id: volume.parsed("volid")?,
                    content: volume.text("content").unwrap_or_default(),
                    format: volume.text("format"),
                    size_bytes: volume.int("size"),
                    vm_id: volume.parsed("vmid"),
                    created_at: volume.int("ctime"),
                })
            })
            .collect();
        volumes.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(volumes)
    }

    /// How many bytes the disk in a volume has, which for an image in a file is not the size of the file.
    pub async fn volume_size(&self, node: &NodeName, volume: &VolumeId) -> Result<Option<u64>> {
        let found = self.object(&Call::get(volume_path(node, volume))).await?;
        Ok(found.int("size").and_then(|size| u64::try_from(size).ok()))
    }

    /// Deletes a volume; `None` if that was done before the answer came.
    pub async fn delete_volume(&self, node: &NodeName, volume: &VolumeId) -> Result<Option<Upid>> {
        let data = self.send(&delete_call(node, volume)).await?;
        Ok(data.as_str().and_then(|text| text.parse().ok()))
    }

    /// Has a node fetch a file from a URL. Parameters besides `url`, `filename` and `content`, such
    /// as `checksum`, are in `more`.
    pub async fn download_url(
        &self,
        node: &NodeName,
        storage: &StorageName,
        url: &str,
        file: &str,
        content: &str,
        more: Params,
    ) -> Result<Upid> {
        let params = Params::new().set("url", url).set("filename", file).set("content", content).and(more);
        self.upid(&Call::post(format!("/nodes/{node}/storage/{storage}/download-url")).with(params)).await
    }
}

fn delete_call(node: &NodeName, volume: &VolumeId) -> Call {
    Call::delete(volume_path(node, volume))
}

fn volume_path(node: &NodeName, volume: &VolumeId) -> String {
    format!("/nodes/{node}/storage/{}/content/{}", volume.storage(), segment(&volume.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_id_is_escaped_in_the_path() {
        let call = delete_call(&"pve1".parse().unwrap(), &"local:iso/a b.iso".parse().unwrap());
        assert_eq!(call.wire(), "DELETE /api2/json/nodes/pve1/storage/local/content/local%3Aiso%2Fa%20b.iso");
    }
}
