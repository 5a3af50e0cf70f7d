//! `homelab_pve_image`: a file that machines are made from, put on a storage from a URL or from this machine.

mod check;
mod facts;
mod id;
mod left;
mod transfer;

use std::time::Duration;

use pve_client::{Checksum, NodeName, Pve, StorageName, Volume, VolumeId};
use tf_framework::prelude::*;

use self::id::{ImageId, Told};
use super::lifecycle::if_there;
use crate::cx::Cx;
use crate::errors::{self, Explain as _};

/// An image on a storage: a disk to import, a CD, or a template of containers.
///
/// The node fetches it from `url` itself, or it is sent from `source_file`. A file that is there already is never
/// overwritten. A change of the image replaces the file; machines whose disks were made from it stay as they are,
/// because `import_from` matters only when a disk is made.
///
/// An import cannot read where the file is from. What follows the ID tells it, as `name=value` for `url`, `source_file`,
/// `checksum`, `compression`, `allow_unverified` and `verify_certificate`; what it does not tell is only noted by the next
/// apply, which transfers nothing.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_image", version = 0)]
pub struct Image {
    /// Node that gets the image. On a shared storage the other nodes see it too. A change replaces the image.
    #[schema(parse, wire = "node", replace)]
    pub node_name: NodeName,

    /// Storage of the image; `content` has to be among the contents of the storage. A change replaces the image.
    #[schema(parse, wire = "storage", replace)]
    pub storage_name: StorageName,

    /// `import` is a disk to make disks from (`.qcow2`, `.raw`, `.vmdk` or `.ova`), `iso` a CD (`.iso` or `.img`),
    /// `vztmpl` a template of containers (`.tar.gz`, `.tar.xz` or `.tar.zst`). A change replaces the image.
    #[schema(wire = "content", replace, validate = one_of(["import", "iso", "vztmpl"]))]
    pub content: String,

    /// Name of the file on the storage, with the ending of its format. By default the last part of `url` or
    /// `source_file`, without the ending of a compression that is taken off. A change replaces the image.
    #[schema(wire = "filename", replace, keep, validate = matches("a file name of letters, digits, `-`, `_` and `.`", id::plain_name))]
    pub file_name: Defaulted<String>,

    /// Where the node fetches the file, by HTTP or HTTPS. Give either this or `source_file`. A change replaces the
    /// image, unless `checksum` stays the same.
    #[schema(wire = "url", validate = matches("a URL that begins with http:// or https://", is_url))]
    pub url: Option<String>,

    /// Path of the file on the machine that runs this configuration. It is read while it is sent, and never held in
    /// memory as a whole. A change replaces the image, unless `checksum` stays the same; a change of the file itself is
    /// noticed by `checksum` only, for example `"sha256:${filesha256("talos.qcow2")}"`.
    pub source_file: Option<String>,

    /// Checksum of the file as it is published, compressed or not, such as `sha256:` and its 64 hexadecimal digits; the
    /// other algorithms are `md5`, `sha1`, `sha224`, `sha384` and `sha512`. A file with another checksum is not kept. One that
    /// was put there without is compared by its node, or put there again.
    /// Needed with `url`, unless `allow_unverified` is set. A change replaces the image.
    #[schema(parse, wire = "checksum")]
    pub checksum: Option<Checksum>,

    /// Whether a file from `url` may be taken as it comes, without a checksum: whoever controls the server or the way to
    /// it then controls the machines. Default `false`.
    #[schema(default = false)]
    pub allow_unverified: Defaulted<bool>,

    /// Whether the certificate of an HTTPS server is verified. Proxmox VE's default is `true`.
    #[schema(wire = "verify-certificates")]
    pub verify_certificate: Option<bool>,

    /// Compression that is taken off: `gz`, `bz2`, `xz` or `zst` of a `source_file`, on the way; `gz`, `bz2`, `zst` or
    /// `lzo` of a `url`, by the node, which does so for `iso` only. A change replaces the image.
    #[schema(wire = "compression", replace, validate = one_of(["gz", "bz2", "xz", "zst", "lzo"]))]
    pub compression: Option<String>,

    /// ID of the image, for `import_from` of a disk or `volume_id` of a CD drive.
    #[schema(parse, keep, wire = "volid")]
    pub volume_id: Computed<VolumeId>,

    /// Size of the file on the storage in bytes.
    #[schema(keep, wire = "size")]
    pub size_bytes: Computed<i64>,

    /// Whether the file on the storage is still the one that was put there, by its size and the time of its last change.
    /// A file that is not is put there again by the next apply, or only compared where its node can do that.
    #[schema(keep)]
    pub intact: Computed<bool>,
}

fn is_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
}

impl Image {
    /// The name of the file, as configured or as the source has it.
    fn resolved_file_name(&self) -> Option<String> {
        let from = |source: &Option<String>, is_url| {
            id::file_name(source.as_deref()?, is_url, self.compression.is_some())
        };
        self.file_name
            .known()
            .cloned()
            .or_else(|| from(&self.url, true))
            .or_else(|| from(&self.source_file, false))
    }

    fn image_id(&self) -> Option<ImageId> {
        let path = format!("{}:{}/{}", self.storage_name, self.content, self.resolved_file_name()?);
        Some(ImageId { node: self.node_name.clone(), volume: path.parse().ok()?, told: Told::default() })
    }
}

/// Whether a checksum comes to a file that was put there without one. What an import has found is only noted.
fn is_first_checksum(prior: &Image, want: &Image) -> bool {
    let was_put = prior.url.is_some() || prior.source_file.is_some();
    was_put && prior.checksum.is_none() && want.checksum.is_some()
}

/// What a state says; without one, what an import tells.
fn either<T: Clone>(
    prior: Option<&Image>,
    of: impl FnOnce(&Image) -> Option<T>,
    told: &Option<T>,
) -> Option<T> {
    prior.map_or_else(|| told.clone(), of)
}

/// The file of an image, if it is there.
async fn find(pve: &Pve, id: &ImageId) -> pve_client::Result<Option<Volume>> {
    let volumes = pve.volumes(&id.node, id.volume.storage(), Some(id.content()), None).await;
    Ok(if_there(volumes)?.into_iter().flatten().find(|volume| volume.id == id.volume))
}

impl Resource for Image {
    type Cx = Cx;
    type Id = ImageId;

    const TIMEOUTS: [Duration; 4] = [
        Duration::from_secs(3600),
        Duration::from_secs(300),
        Duration::from_secs(3600),
        Duration::from_secs(600),
    ];

    fn id(&self) -> ImageId {
        self.image_id().unwrap_or_else(|| unreachable!("the plan checks that there is a file name"))
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        check::config(config, out);
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        check::plan(cx, plan).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<ImageId> {
        let (pve, id) = (cx.pve()?, want.id());
        let what = format!("put the {} there", id.title());
        if want.url.is_some() {
            left::settled(&pve, &id).await.explain::<Self>(cx, &what)?;
        }
        let Some(there) = find(&pve, &id).await.explain::<Self>(cx, &what)? else {
            transfer::put(cx, &pve, &id, want).await?;
            return Ok(id);
        };
        let Some(task) = left::brought_by(&pve, &id, &there).await.explain::<Self>(cx, &what)? else {
            return Err(errors::not_ours::<Self>(id.title(), &id).at("file_name"));
        };
        facts::begin(cx.operation(), &task);
        cx.operation().created(&id);
        transfer::put_again(cx, &pve, &id, want).await?;
        left::taken_over(cx, &id, &task);
        Ok(id)
    }

    async fn read(cx: &Cx, id: &ImageId, prior: Option<&Self>) -> Result<Option<Self>> {
        let found = find(&cx.pve()?, id).await;
        let Some(volume) = found.explain::<Self>(cx, format_args!("read the {}", id.title()))? else {
            return Ok(None);
        };
        cx.note_managed(&id.title());
        let intact = facts::is_intact(cx.operation(), &volume);
        Ok(Some(Self {
            node_name: id.node.clone(),
            storage_name: id.volume.storage().clone(),
            content: id.content().to_owned(),
            file_name: id.volume.file_name().into(),
            // How the file came here cannot be read; an import may tell.
            url: either(prior, |image| image.url.clone(), &id.told.url),
            source_file: either(prior, |image| image.source_file.clone(), &id.told.source_file),
            checksum: either(prior, |image| image.checksum.clone(), &id.told.checksum),
            allow_unverified: prior
                .map_or(id.told.allow_unverified.into(), |prior| prior.allow_unverified.clone()),
            verify_certificate: either(prior, |image| image.verify_certificate, &id.told.verify_certificate),
            compression: either(prior, |image| image.compression.clone(), &id.told.compression),
            volume_id: id.volume.clone().into(),
            size_bytes: volume.size_bytes.into(),
            intact: intact.into(),
        }))
    }

    async fn update(cx: &Cx, id: &ImageId, change: Change<'_, Self>) -> Result<()> {
        if change.prior.intact.known() == Some(&false) || is_first_checksum(change.prior, change.want) {
            return transfer::put_again(cx, &cx.pve()?, id, change.want).await;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &ImageId, _prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        let what = format!("delete the {}", id.title());
        if let Some(task) = facts::unfinished(cx.operation()) {
            // It may still bring the file. Whether it went well does not matter.
            let _ = pve.wait(&task).await;
        }
        match find(&pve, id).await.explain::<Self>(cx, &what)? {
            Some(volume) if facts::is_older_than_ours(cx.operation(), &volume) => {
                cx.operation().warn(check::left_alone(id));
                Ok(())
            }
            Some(_) => transfer::remove(cx, &pve, id).await,
            None => Ok(()),
        }
    }
}
