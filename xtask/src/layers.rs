//! The import rules of `docs/architecture.md`, checked over `cargo metadata`.

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::Outcome;
use crate::process::root;

/// One crate of the workspace and the crates of the workspace that it names.
struct Member {
    name: String,
    folder: String,
    /// Name, and whether only tests use it.
    uses: Vec<(String, bool)>,
}

/// Prints the verdict.
pub fn run() -> Outcome {
    let broken = violations(&members()?);
    if broken.is_empty() {
        println!("layers: every dependency is allowed");
        return Ok(());
    }
    Err(format!("forbidden dependencies:\n  {}", broken.join("\n  ")))
}

fn members() -> Outcome<Vec<Member>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .map_err(|error| error.to_string())?;
    let names: Vec<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let mut members: Vec<Member> = metadata
        .packages
        .iter()
        .map(|package| Member {
            name: package.name.to_string(),
            folder: package
                .manifest_path
                .strip_prefix(&metadata.workspace_root)
                .map(|path| path.to_string())
                .unwrap_or_default(),
            uses: package
                .dependencies
                .iter()
                .filter(|dependency| names.contains(&dependency.name))
                .map(|dependency| (dependency.name.clone(), dependency.kind == DependencyKind::Development))
                .collect(),
        })
        .collect();
    members.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(members)
}

fn violations(members: &[Member]) -> Vec<String> {
    let folder = |name: &str| {
        members.iter().find(|member| member.name == name).map_or("", |member| member.folder.as_str())
    };
    let mut broken = Vec::new();
    for member in members {
        for (used, only_tests) in &member.uses {
            if !allowed(member, used, folder(used), *only_tests) {
                broken.push(format!("{} -> {used}", member.name));
            }
        }
    }
    broken
}

fn allowed(member: &Member, used: &str, used_folder: &str, only_tests: bool) -> bool {
    let client = |name: &str| name.ends_with("-client");
    if member.folder.starts_with("acceptance-tests/") {
        return member.name != "sims" && used_folder.starts_with("acceptance-tests/");
    }
    if member.folder.starts_with("provider/") && !used_folder.starts_with("provider/") {
        return false;
    }
    match member.name.as_str() {
        "xtask" => used_folder.starts_with("acceptance-tests/"),
        "homelab" => {
            used.starts_with("tf-")
                || ["api-core", "backup-policy", "cloud-init"].contains(&used)
                || client(used)
        }
        "cli" => used == "api-core" || client(used),
        "tf-plugin" => used == "tf-framework" || (only_tests && used == "tf-derive"),
        // The framework re-exports the derive, as serde does.
        "tf-framework" => used == "tf-derive",
        // A derive's own tests expand against the framework.
        "tf-derive" => only_tests && used == "tf-framework",
        name if client(name) => used == "api-core",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, folder: &str, uses: &[&str]) -> Member {
        Member {
            name: name.to_owned(),
            folder: folder.to_owned(),
            uses: uses.iter().map(|used| ((*used).to_owned(), false)).collect(),
        }
    }

    #[test]
    fn this_workspace_keeps_the_rules() {
        assert_eq!(violations(&members().unwrap()), Vec::<String>::new());
    }

    #[test]
    fn each_forbidden_direction_is_found() {
        let members = [
            member("api-core", "provider/api-core/Cargo.toml", &[]),
            member("homelab", "provider/homelab/Cargo.toml", &["sims", "api-core"]),
            member("pve-client", "provider/pve-client/Cargo.toml", &["api-core", "tf-framework"]),
            member("sims", "acceptance-tests/sims/Cargo.toml", &["pve-client", "suite"]),
            member("suite", "acceptance-tests/suite/Cargo.toml", &["sims", "api-core"]),
            member("tf-framework", "provider/tf-framework/Cargo.toml", &["tf-plugin"]),
            member("tf-plugin", "provider/tf-plugin/Cargo.toml", &["tf-framework"]),
        ];
        assert_eq!(
            violations(&members),
            [
                "homelab -> sims",
                "pve-client -> tf-framework",
                "sims -> pve-client",
                "sims -> suite",
                "suite -> api-core",
                "tf-framework -> tf-plugin",
            ]
        );
    }
}
