//! The pages under `docs/` are rendered from the schemas. This test rewrites what is stale, and fails if anything was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use homelab::Homelab;
use tf_framework::docs::Docs;
use tf_framework::{ProviderDefinition, Server};

/// Folders of which every page is rendered.
const RENDERED: [&str; 4] = ["resources", "data-sources", "ephemeral-resources", "functions"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn subcategory(type_name: &str) -> &'static str {
    match type_name.split('_').nth(1) {
        Some("pve") => "Proxmox VE",
        Some("pbs") => "Proxmox Backup Server",
        Some("talos") => "Talos Linux",
        Some("k8s") => "Kubernetes",
        Some("longhorn") => "Longhorn",
        Some("vault") => "Vault",
        Some("backup") => "Backup",
        _ => "",
    }
}

fn rendered() -> BTreeMap<String, String> {
    let server = Server::new::<Homelab>();
    let example = |path: &str| fs::read_to_string(root().join("examples").join(path)).ok();
    let docs = Docs {
        provider: Homelab::NAME,
        schemas: server.schemas(),
        example: &example,
        subcategory: &subcategory,
    };
    docs.files()
}

#[test]
fn every_page_is_current() {
    let (docs, files) = (root().join("docs"), rendered());
    let mut stale = Vec::new();
    for (path, text) in &files {
        let file = docs.join(path);
        if fs::read_to_string(&file).ok().as_ref() != Some(text) {
            fs::create_dir_all(file.parent().expect("a page lies in a folder"))
                .expect("the folder can be made");
            fs::write(&file, text).expect("the page can be written");
            stale.push(path.clone());
        }
    }
    for folder in RENDERED {
        for entry in fs::read_dir(docs.join(folder)).into_iter().flatten().flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if !files.contains_key(&path) {
                fs::remove_file(entry.path()).expect("the page can be removed");
                stale.push(path);
            }
        }
    }
    assert!(
        stale.is_empty(),
        "these pages were stale and are rewritten now, commit them: {}",
        stale.join(", ")
    );
}

#[test]
fn every_resource_has_an_example_and_an_import() {
    let server = Server::new::<Homelab>();
    let examples = root().join("examples");
    let missing: Vec<String> = server
        .schemas()
        .resources
        .keys()
        .flat_map(|name| [format!("resources/{name}/resource.tf"), format!("resources/{name}/import.sh")])
        .filter(|path| !examples.join(path).exists())
        .collect();
    assert!(missing.is_empty(), "examples are missing: {}", missing.join(", "));
}
