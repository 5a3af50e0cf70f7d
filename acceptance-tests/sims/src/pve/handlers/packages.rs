//! `/nodes/{node}/apt`, `/nodes/{node}/certificates` and `/nodes/{node}/report`: what is installed on a node.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Reply};
use crate::pve::release::Release;
use crate::pve::state::{Lab, digest};
use crate::tls::Certificate;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/apt/repositories", repositories),
    route("GET", "/nodes/{node}/apt/update", updates),
    route("GET", "/nodes/{node}/apt/versions", versions),
    route("GET", "/nodes/{node}/certificates/info", certificates),
    route("GET", "/nodes/{node}/report", report),
];

/// Packages of 9.2 beside the manager, with their versions.
const PACKAGES: [(&str, &str); 12] = [
    ("libpve-access-control", "9.1.1"),
    ("libpve-common-perl", "9.2.1"),
    ("libpve-guest-common-perl", "6.0.2"),
    ("libpve-http-server-perl", "6.0.5"),
    ("libpve-network-perl", "1.3.0"),
    ("libpve-storage-perl", "9.1.7"),
    ("pve-cluster", "9.1.6"),
    ("pve-container", "6.1.10"),
    ("pve-firewall", "6.0.4"),
    ("pve-ha-manager", "5.2.0"),
    ("pve-qemu-kvm", "10.0.13"),
    ("qemu-server", "9.2.6"),
];

fn suite(release: Release) -> &'static str {
    match release {
        Release::V8_4 => "bookworm",
        Release::V9_2 => "trixie",
    }
}

/// Everything is up to date.
fn updates(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([]).into())
}

fn versions(lab: &mut Lab, _: &Request) -> Answer {
    let manager = lab.release.manager();
    let known = if lab.release == Release::V9_2 { PACKAGES.as_slice() } else { &[] };
    let packages = [("pve-manager", manager)].into_iter().chain(known.iter().copied());
    let items = packages.map(|(name, version)| {
        let mut item = json!({
            "Package": name, "Version": version, "OldVersion": version, "CurrentState": "Installed",
            "Arch": "amd64", "Origin": "Proxmox", "Priority": "optional", "Section": "admin", "Title": name,
            "Description": name,
        });
        if name == "pve-manager" {
            item["ManagerVersion"] = json!(manager);
        }
        item
    });
    Ok(items.collect::<Vec<Value>>().into())
}

/// The repository of those who have no subscription.
fn repositories(lab: &mut Lab, _: &Request) -> Answer {
    let suite = suite(lab.release);
    let repository = json!({
        "Types": ["deb"], "URIs": ["http://download.proxmox.com/debian/pve"], "Suites": [suite],
        "Components": ["pve-no-subscription"], "Enabled": 1, "FileType": "sources",
    });
    let path = "/etc/apt/sources.list.d/proxmox.sources";
    let standard = ["enterprise", "no-subscription", "test"].map(|handle| {
        let mut item = json!({"handle": handle, "name": handle, "description": handle});
        if handle == "no-subscription" {
            item["status"] = 1.into();
        }
        item
    });
    let file = json!({"path": path, "file-type": "sources", "digest": [], "repositories": [repository]});
    Ok(json!({
        "digest": digest(suite), "errors": [], "files": [file], "infos": [], "standard-repos": standard,
    })
    .into())
}

fn certificates(lab: &mut Lab, _: &Request) -> Answer {
    let told = |(filename, certificate): (&str, &Certificate)| {
        json!({
            "filename": filename, "fingerprint": certificate.fingerprint, "pem": certificate.pem,
            "subject": certificate.subject, "issuer": certificate.issuer, "san": certificate.names,
            "notbefore": certificate.period.0, "notafter": certificate.period.1,
            "public-key-type": "id-ecPublicKey", "public-key-bits": 256,
        })
    };
    let files = ["pve-root-ca.pem", "pve-ssl.pem"];
    Ok(files.into_iter().zip(&lab.certificates).map(told).collect::<Vec<Value>>().into())
}

fn report(lab: &mut Lab, request: &Request) -> Answer {
    let (node, release) = (request.node(), lab.release);
    let guests = lab.guest_ids().iter().map(u32::to_string).collect::<Vec<String>>().join(" ");
    let text = format!(
        "==== general system info ====\n# hostname\n{node}\n# pveversion\npve-manager/{}/{}\n\
         ==== info about guests ====\n{guests}\n",
        release.manager(),
        release.commit()
    );
    Ok(Reply::from(text))
}
