//! Getting a file onto a storage, and off it.

use std::path::PathBuf;

use pve_client::{Error as PveError, Params, Pve, Upid};
use tf_framework::prelude::*;

use super::id::ImageId;
use super::{Image, facts, find};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::image::decode::Compression;
use crate::image::local::{self, Prepared, Problem};

/// The most that a file may decompress to where a storage does not tell how much is free.
const LARGEST: u64 = 1 << 40;

/// Puts a file where none is, and remembers it.
pub(super) async fn put(cx: &Cx, pve: &Pve, id: &ImageId, want: &Image) -> Result<()> {
    let what = format!("put the {} there", id.title());
    let task = match &want.source_file {
        Some(path) => send(cx, pve, id, want, path, &what).await?,
        None => fetch(cx, pve, id, want, &what).await?,
    };
    if let Some(task) = &task {
        facts::begin(cx.operation(), task);
        cx.operation().created(id);
        cx.finish::<Image>(pve, task, &what).await?;
    }
    let Some(volume) = find(pve, id).await.explain::<Image>(cx, &what)? else {
        return Err(vanished(id));
    };
    facts::remember(cx.operation(), &volume);
    cx.operation().created(id);
    Ok(())
}

/// Puts a file there again that is not what it was. Where the node can compare its checksum, nothing is transferred if
/// it is right after all.
pub(super) async fn put_again(cx: &Cx, pve: &Pve, id: &ImageId, want: &Image) -> Result<()> {
    if want.url.is_some() && want.checksum.is_some() && want.compression.is_none() {
        match compare(cx, pve, id, want).await {
            Ok(()) => return Ok(()),
            Err(PveError::TaskFailed { message, .. }) if message.contains("refusing to override") => {}
            Err(error) => {
                return Err(error).explain::<Image>(cx, format_args!("compare the {}", id.title()));
            }
        }
    }
    remove(cx, pve, id).await?;
    put(cx, pve, id, want).await
}

/// A download of a file that is there with the right checksum does nothing (pve-common 9.2.1, `Tools.pm`).
async fn compare(cx: &Cx, pve: &Pve, id: &ImageId, want: &Image) -> pve_client::Result<()> {
    let Some(url) = &want.url else { return Ok(()) };
    let file = id.volume.file_name();
    let task = pve.download_url(&id.node, id.volume.storage(), url, file, id.content(), more(want)).await?;
    pve.wait(&task).await?;
    if let Some(volume) = find(pve, id).await? {
        facts::remember(cx.operation(), &volume);
    }
    Ok(())
}

/// Deletes the file.
pub(super) async fn remove(cx: &Cx, pve: &Pve, id: &ImageId) -> Result<()> {
    let what = format!("delete the {}", id.title());
    let task = match pve.delete_volume(&id.node, &id.volume).await {
        Ok(task) => task,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error @ PveError::MaybeApplied { .. }) => {
            return match find(pve, id).await.explain::<Image>(cx, &what)? {
                None => Ok(()),
                Some(_) => Err(error).explain::<Image>(cx, &what),
            };
        }
        Err(error) => return Err(error).explain::<Image>(cx, &what),
    };
    match task {
        Some(task) => cx.finish::<Image>(pve, &task, &what).await.map(drop),
        None => Ok(()),
    }
}

fn more(want: &Image) -> Params {
    let checksum = want.checksum.as_ref().map(pve_client::Checksum::params).unwrap_or_default();
    checksum
        .opt("compression", want.compression.as_ref())
        .opt("verify-certificates", want.verify_certificate.map(u8::from))
}

/// Has the node fetch it. `None` is a task whose answer was lost and that is over already.
async fn fetch(cx: &Cx, pve: &Pve, id: &ImageId, want: &Image, what: &str) -> Result<Option<Upid>> {
    let url = want.url.as_deref().unwrap_or_default();
    let file = id.volume.file_name();
    let begun = pve.download_url(&id.node, id.volume.storage(), url, file, id.content(), more(want)).await;
    let lost = match begun {
        Ok(task) => return Ok(Some(task)),
        Err(error @ PveError::MaybeApplied { .. }) => error,
        Err(error) => return Err(error).explain::<Image>(cx, what),
    };
    let running = pve.running_tasks(&id.node).await.explain::<Image>(cx, what)?;
    if let Some(task) = running.into_iter().find(|task| task.kind() == "download" && task.object() == file) {
        return Ok(Some(task));
    }
    // It was not there before, so it came by this request.
    match find(pve, id).await.explain::<Image>(cx, what)? {
        Some(_) => Ok(None),
        None => Err(lost).explain::<Image>(cx, what),
    }
}

/// Sends it from here.
async fn send(
    cx: &Cx,
    pve: &Pve,
    id: &ImageId,
    want: &Image,
    path: &str,
    what: &str,
) -> Result<Option<Upid>> {
    let storages = pve.storages(&id.node).await.explain::<Image>(cx, what)?;
    let free = storages.iter().find(|storage| storage.name == *id.volume.storage());
    let free = free.and_then(|storage| u64::try_from(storage.available_bytes?).ok());
    let prepared = prepare(path, want, free.unwrap_or(LARGEST)).await?;
    let (node, storage, file) = (&id.node, id.volume.storage(), id.volume.file_name());
    let length = prepared.content.length();
    let sent =
        pve.upload(node, storage, id.content(), file, Some(&prepared.checksum), prepared.content).await;
    let lost = match sent {
        Ok(task) => return Ok(Some(task)),
        Err(error @ PveError::MaybeApplied { .. }) => error,
        Err(error) => return Err(error).explain::<Image>(cx, what),
    };
    // Its task names no file, so all of ours are awaited.
    let identity = pve.client().identity();
    let ours = |task: &Upid| task.kind() == "imgcopy" && task.user() == identity;
    pve.await_tasks(node, ours).await.explain::<Image>(cx, what)?;
    match find(pve, id).await.explain::<Image>(cx, what)? {
        Some(volume) if volume.size_bytes.and_then(|size| u64::try_from(size).ok()) == Some(length) => {
            Ok(None)
        }
        _ => Err(lost).explain::<Image>(cx, what),
    }
}

/// Reads the file once, on a thread that may block.
async fn prepare(path: &str, want: &Image, limit: u64) -> Result<Prepared> {
    let compression = want.compression.as_deref().and_then(|name| match name {
        "gz" => Some(Compression::Gzip),
        "bz2" => Some(Compression::Bzip2),
        "xz" => Some(Compression::Xz),
        "zst" => Some(Compression::Zstandard),
        _ => None,
    });
    let (file, checksum) = (PathBuf::from(path), want.checksum.clone());
    let read =
        tokio::task::spawn_blocking(move || local::prepare(&file, compression, checksum.as_ref(), limit));
    let failed = |detail: String, at: &str| Err(Error::new("File cannot be sent", detail).at(at));
    match read.await {
        Ok(Ok(prepared)) => Ok(prepared),
        Ok(Err(Problem::Other { algorithm, found })) => failed(
            format!(
                "The file {path:?} is another one than expected: its {algorithm} checksum is {found}. Nothing was sent. \
                 Get the right file, or correct the checksum."
            ),
            "checksum",
        ),
        Ok(Err(Problem::Unreadable(error))) if error.kind() == std::io::ErrorKind::FileTooLarge => failed(
            format!(
                "The file {path:?} decompresses to more than the {limit} bytes that are free on the storage. Nothing was \
                 sent. Make room, or choose another storage."
            ),
            "storage_name",
        ),
        Ok(Err(Problem::Unreadable(error))) => failed(
            format!(
                "The file {path:?} cannot be read: {error}. Nothing was sent. Check the path, which is relative to the \
                 folder that the command runs in, and that `compression` is that of the file."
            ),
            "source_file",
        ),
        Err(error) => failed(format!("Reading the file {path:?} was broken off: {error}."), "source_file"),
    }
}

fn vanished(id: &ImageId) -> Error {
    Error::new(
        "Image is missing",
        format!(
            "The task that puts the {} there ended well, but the storage does not list the file. Somebody may have deleted \
             it, or the login lacks the privilege Datastore.Audit on the storage. Check that, then apply again.",
            id.title()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_whom_to_trust_only_if_that_was_said() {
        let mut image = Image {
            node_name: "pve1".parse().unwrap(),
            storage_name: "local".parse().unwrap(),
            content: "iso".to_owned(),
            file_name: Defaulted::Null,
            url: Some("https://images.example/a.iso".to_owned()),
            source_file: None,
            checksum: None,
            allow_unverified: Defaulted::Null,
            verify_certificate: None,
            compression: None,
            volume_id: Computed::Unknown,
            size_bytes: Computed::Unknown,
            intact: Computed::Unknown,
        };
        assert_eq!(more(&image), Params::new());
        image.verify_certificate = Some(false);
        assert_eq!(more(&image), Params::new().set("verify-certificates", 0));
        image.verify_certificate = Some(true);
        assert_eq!(more(&image), Params::new().set("verify-certificates", 1));
    }
}
