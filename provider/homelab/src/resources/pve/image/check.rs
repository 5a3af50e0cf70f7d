//! What can be said about an image before anything is transferred.

use tf_framework::prelude::*;

use super::id::{self, ImageId};
use super::{Image, is_first_checksum};
use crate::cx::Cx;
use crate::errors;
use crate::memory::Expected;
use crate::preflight::need;
use crate::presence;

/// Rules over several arguments.
pub(super) fn config(config: &Value, out: &mut Diagnostics) {
    rules::exactly_one_of(config, &["url", "source_file"], out);
    let text = |name: &str| config.attribute(name).as_str();
    let from_url = config.attribute("url").is_set();
    let unverified = config.attribute("allow_unverified");
    if from_url
        && config.attribute("checksum").is_null()
        && unverified.as_bool() != Some(true)
        && !unverified.is_unknown()
    {
        out.error(
            "checksum",
            "Missing checksum",
            "An image from a URL needs `checksum`, so that nobody between here and the server can change it. Publishers list \
             it beside the file, for example as SHA256SUMS. To take the file as it comes, set `allow_unverified = true`.",
        );
    }
    if let Some(compression) = text("compression") {
        compression_fits(compression, from_url, text("content"), out);
    } else if config.attribute("compression").is_null() {
        let source =
            text("url").map(|url| url.split(['?', '#']).next().unwrap_or(url)).or(text("source_file"));
        if let (Some(source), Some("import" | "iso")) = (source, text("content")) {
            compressed_unnoticed(source, from_url, text("content"), out);
        }
    }
}

/// A file that is stored compressed is no disk and no CD, whatever it is called there.
fn compressed_unnoticed(source: &str, from_url: bool, content: Option<&str>, out: &mut Diagnostics) {
    const ENDINGS: [(&str, &str); 6] =
        [(".gz", "gz"), (".bz2", "bz2"), (".xz", "xz"), (".zst", "zst"), (".zstd", "zst"), (".lzo", "lzo")];
    let Some((_, compression)) = ENDINGS.into_iter().find(|(ending, _)| source.ends_with(ending)) else {
        return;
    };
    let mut problems = Diagnostics::new();
    compression_fits(compression, from_url, content, &mut problems);
    if problems.is_empty() {
        out.error(
            "compression",
            "Compression is not named",
            format!(
                "The file {source:?} is compressed, and nothing says that this is to be taken off, so no machine could use \
                 it. Set `compression` to {compression:?}."
            ),
        );
    }
    out.extend(problems.into_vec());
}

fn compression_fits(compression: &str, from_url: bool, content: Option<&str>, out: &mut Diagnostics) {
    let detail = match content {
        Some("vztmpl") => "A template of containers is stored compressed. Leave `compression` out.",
        Some("import") if from_url => {
            "Nodes decompress only `iso` files that they fetch. Download the file here and use `source_file`, or choose an \
             image that is not compressed, such as a qcow2 file."
        }
        _ if from_url && compression == "xz" => {
            "Nodes cannot decompress xz. Download the file here and use `source_file`, or choose another compression."
        }
        _ if !from_url && compression == "lzo" => {
            "The provider decompresses gz, bz2, xz and zst. Choose one of these, or decompress the file."
        }
        _ => return,
    };
    out.error("compression", "Compression is not supported", detail);
}

/// Checks the name, decides what replaces the image, and looks whether the login may do it.
pub(super) async fn plan(cx: &Cx, plan: &mut Plan<'_, Image>) -> Result<()> {
    let deletes = |name: &pve_client::StorageName| need(format!("/storage/{name}"), &["Datastore.Allocate"]);
    if let Some(prior) = plan.prior.clone().filter(|_| plan.is_destroy()) {
        return cx.preflight(plan, &[deletes(&prior.storage_name)]).await;
    }
    if let Some(want) = plan.want() {
        name(plan, &want);
        if let Some(prior) = plan.prior.clone() {
            changed_source(plan, &prior, &want);
        }
        let from_url = want.url.is_some();
        let path = format!("/storage/{}", want.storage_name);
        let mut needs = vec![
            need(&path, &["Datastore.AllocateTemplate"]),
            need(&path, &["Datastore.Audit", "Datastore.AllocateSpace"]),
        ];
        if from_url {
            // Sys.Audit and Sys.Modify on / are enough too.
            let network = need(format!("/nodes/{}", want.node_name), &["Sys.AccessNetwork", "Sys.Modify"]);
            needs.push(network.or_on(["/".to_owned()]));
        }
        if let Some(prior) = &plan.prior
            && (plan.is_replacement() || prior.intact.known() == Some(&false))
        {
            needs.push(deletes(&prior.storage_name));
        }
        cx.preflight(plan, &needs).await?;
        cx.check_node(plan, "node_name", &want.node_name).await?;
        if plan.is_create() {
            storage(cx, plan, &want).await;
            if let Some(id) = plan.want().and_then(|want| want.image_id()) {
                used_name(cx, plan, &id).await;
            }
        }
        let comes =
            plan.is_create() || plan.prior.as_ref().is_some_and(|prior| prior.intact.known() == Some(&false));
        if let Some(path) = want.source_file.clone().filter(|_| comes) {
            source_file(path, plan).await;
        }
        if let Some(id) = plan.want().and_then(|want| want.image_id()) {
            cx.expect(Expected::Volume(id.volume));
        }
    }
    Ok(())
}

/// Looks whether the file is there that is to be sent.
async fn source_file(path: String, plan: &mut Plan<'_, Image>) {
    let file = path.clone();
    let found = tokio::task::spawn_blocking(move || std::fs::metadata(file)).await;
    let problem = match found {
        Ok(Ok(found)) if found.is_dir() => "it is a folder".to_owned(),
        Ok(Err(error)) => error.to_string(),
        _ => return,
    };
    plan.error(
        "source_file",
        "File cannot be sent",
        format!(
            "The file {path:?} cannot be read: {problem}. Check the path, which is relative to the folder that the command \
             runs in. If this run makes the file first, take the path from an attribute of what makes it that is known only \
             after apply."
        ),
    );
}

fn name(plan: &mut Plan<'_, Image>, want: &Image) {
    let Some(name) = want.resolved_file_name() else {
        return plan.error(
            "file_name",
            "Missing argument",
            "The source has no file name that could be used. Set `file_name`.",
        );
    };
    let endings = id::endings(&want.content);
    if !id::plain_name(&name) {
        return plan.error(
            "file_name",
            "Invalid file name",
            format!(
                "Proxmox VE would change the name {name:?}: it keeps only letters, digits, `-`, `_` and `.`. Set `file_name`."
            ),
        );
    }
    if !endings.iter().any(|ending| name.ends_with(ending)) {
        return plan.error(
            "file_name",
            "Wrong file ending",
            format!(
                "Proxmox VE knows the format of {} content by the ending, and {name:?} has none of {}. Set `file_name` to a \
                 name with the ending of the format; a cloud image that is called .img often is a .qcow2.",
                want.content,
                endings.join(", ")
            ),
        );
    }
    if want.file_name.is_unknown() {
        plan.set("file_name", name);
        if let Some(id) = plan.want().and_then(|want| want.image_id()) {
            plan.set("volume_id", id.volume.to_string());
        }
    }
}

/// The same content from elsewhere is no other image. What was imported has no source yet.
fn changed_source(plan: &mut Plan<'_, Image>, prior: &Image, want: &Image) {
    let was_known = prior.url.is_some() || prior.source_file.is_some();
    let same_content = prior.checksum.is_some() && prior.checksum == want.checksum;
    if prior.checksum.is_some() && want.checksum.is_some() && !same_content {
        plan.require_replace("checksum");
    } else if was_known && !same_content {
        if prior.url != want.url {
            plan.require_replace("url");
        }
        if prior.source_file != want.source_file {
            plan.require_replace("source_file");
        }
    }
    if !was_known && (want.url.is_some() || want.source_file.is_some()) {
        plan.push(Diagnostic::warning(
            "Image was imported",
            "An import cannot read where a file is from. The apply only notes it; the file stays as it is.",
        ));
    }
    if is_first_checksum(prior, want) {
        plan.mark_unknown("size_bytes");
        plan.warn(
            "checksum",
            "Image is compared",
            "The file was put there without a checksum, so nobody knows whether it is this one. The apply has the node compare \
             it, or puts the file there again. Machines that were made from it stay as they are.",
        );
    }
    if prior.intact.known() == Some(&false) {
        plan.set("intact", true);
        plan.mark_unknown("size_bytes");
        plan.warn(
            "file_name",
            "Image was changed outside",
            "The file on the storage is not the one that was put there: its size or the time of its last change differs. It \
             will be compared or put there again. Machines that were made from it stay as they are.",
        );
    }
}

/// A storage may be made, or its contents changed, in the same run, so this is a warning.
async fn storage(cx: &Cx, plan: &mut Plan<'_, Image>, want: &Image) {
    let Ok(pve) = cx.pve() else { return };
    let Ok(storages) = pve.storages(&want.node_name).await else { return };
    let name = want.storage_name.as_str();
    match storages.iter().find(|storage| storage.name == want.storage_name) {
        None => {
            let fit = storages.iter().filter(|storage| storage.content.contains(&want.content));
            let problem = presence::no_storage(cx, &want.node_name, name, fit.map(|storage| &storage.name));
            problem.into_iter().for_each(|problem| plan.push(problem.at("storage_name")));
        }
        Some(found) if !found.content.contains(&want.content) => plan.warn(
            "storage_name",
            "Storage does not take the content",
            format!(
                "The storage {name:?} does not take {:?}; its contents are {}. Unless this run changes that first, putting \
                 the image there will fail. Add it to `content` of the storage.",
                want.content,
                found.content.iter().cloned().collect::<Vec<_>>().join(", ")
            ),
        ),
        Some(_) => {}
    }
}

/// Warns of a file of the name that no state of this run knows.
async fn used_name(cx: &Cx, plan: &mut Plan<'_, Image>, id: &ImageId) {
    let (Ok(pve), Some(memory)) = (cx.pve(), cx.memory()) else { return };
    let content = match id.content() {
        "iso" => "iso",
        "vztmpl" => "vztmpl",
        _ => "import",
    };
    let storage = id.volume.storage();
    let Ok(cluster) = pve.cluster().await else { return };
    let everywhere = cluster.is_shared(storage) == Some(true);
    let Ok(found) = memory.volumes(&pve, &id.node, storage, everywhere, content).await else { return };
    if found.contains(&id.volume) && !cx.manages(&id.title()) {
        plan.warn(
            "file_name",
            "Name is used already",
            format!(
                "There is already an {} that the state does not know. If an apply of this login was killed while it brought \
                 that file, the next one takes it over. Otherwise, and unless this run removes it first, the creation here \
                 fails. To manage it here, import it:\n\n  {}",
                id.title(),
                errors::import_command::<Image>(id)
            ),
        );
    }
}

/// A file that only has the name of ours.
pub(super) fn left_alone(id: &ImageId) -> Diagnostic {
    Diagnostic::warning(
        "Foreign file was left alone",
        format!(
            "The {} was there before this configuration tried to put it there, and that had failed. The file is not ours, so \
             it was not deleted.",
            id.title()
        ),
    )
}
