//! `homelab_pve_image`, from a URL and from a file, with every CLI.

use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use suite::cycle::names;
use suite::files::{Files, sha256};
use suite::process::wait_for;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const ADDRESS: &str = "homelab_pve_image.this";

fn image(body: &str) -> String {
    format!(
        "resource \"homelab_pve_image\" \"this\" {{\n  node_name = \"pve1\"\n  storage_name = \"shared\"\n  content = \"import\"\n{body}\n}}\n"
    )
}

fn on_shared(lab: &Lab) -> Vec<String> {
    names(lab, "/api2/json/nodes/pve1/storage/shared/content?content=import", "volid")
}

/// A qcow2 header for a disk of some MiB.
fn qcow2(mebibytes: u64) -> Vec<u8> {
    let mut image = b"QFI\xfb\0\0\0\x03".to_vec();
    image.resize(24, 0);
    image.extend((mebibytes << 20).to_be_bytes());
    image.resize(4096, 0);
    image
}

/// 500 lines of `homelab`, as `xz -9` writes them.
fn xz() -> Vec<u8> {
    let digits = "fd377a585a000004e6d6b446020021011c00000010cf58cce00f9f00235d00341bc9f2eb0636cadcdc9b39c5b0\
                  164d87cb4ae539f000952732ae0779d50725543e00000051c58f274f4b53ad00013fa01f000000fab9244eb1c4\
                  67fb020000000004595a";
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits"))
        .collect()
}

#[test]
fn an_image_from_a_url_lives_is_imported_and_leaves_nothing() {
    with_each_cli(|cli| {
        let (lab, files, workspace) = (Lab::start(), Files::start(), Workspace::new(cli));
        let before = on_shared(&lab);
        let disk = qcow2(64);
        let (url, checksum) = (files.put("debian.qcow2", &disk), sha256(&disk));
        let configuration =
            image(&format!("url = \"{url}\"\nchecksum = \"{checksum}\"\nverify_certificate = false"));
        workspace.configure(&lab.provider_block(), &configuration);
        workspace.apply().ok();
        workspace.plan_is_empty();
        let state = workspace.resource(ADDRESS);
        assert_eq!(state["volume_id"], "shared:import/debian.qcow2");
        assert_eq!((&state["size_bytes"], &state["intact"]), (&json!(4096), &json!(true)));

        // The same content from elsewhere, or from one to be trusted, is no transfer.
        let served = files.served();
        let mirror = files.put("mirror.qcow2", &disk);
        let moved = image(&format!(
            "file_name = \"debian.qcow2\"\nurl = \"{mirror}\"\nchecksum = \"{checksum}\"\nverify_certificate = true"
        ));
        workspace.configure(&lab.provider_block(), &moved);
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(files.served(), served);

        workspace.forget(ADDRESS).ok();
        workspace.import(ADDRESS, "pve1/shared:import/debian.qcow2").ok();
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(files.served(), served);

        // An import that is told where the file is from has nothing left to note.
        workspace.forget(ADDRESS).ok();
        let told = format!(
            "pve1/shared:import/debian.qcow2 url={mirror} checksum={checksum} verify_certificate=true"
        );
        workspace.import(ADDRESS, &told).ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert_eq!(on_shared(&lab), before);
    });
}

#[test]
fn a_wrong_checksum_keeps_nothing_and_a_foreign_file_is_left_alone() {
    with_each_cli(|cli| {
        let (lab, files, workspace) = (Lab::start(), Files::start(), Workspace::new(cli));
        let before = on_shared(&lab);
        let url = files.put("debian.qcow2", &qcow2(64));
        let wrong = image(&format!("url = \"{url}\"\nchecksum = \"{}\"", sha256(b"other")));
        workspace.configure(&lab.provider_block(), &wrong);
        let told = workspace.apply().failed().prose();
        assert!(told.contains("checksum mismatch"), "{told}");
        assert_eq!(on_shared(&lab), before);

        let foreign = "debian-13-genericcloud-amd64.qcow2";
        let taken = image(&format!(
            "file_name = \"{foreign}\"\nurl = \"{url}\"\nchecksum = \"{}\"",
            sha256(&qcow2(64))
        ));
        workspace.configure(&lab.provider_block(), &taken);
        let told = workspace.apply().failed().prose();
        assert!(
            told.contains(&format!("import homelab_pve_image.<name> pve1/shared:import/{foreign}")),
            "{told}"
        );
        workspace.destroy().ok();
        assert_eq!(on_shared(&lab), before);
    });
}

#[test]
fn a_compressed_file_is_sent_as_what_it_holds() {
    with_each_cli(|cli| {
        let (lab, workspace) = (Lab::start(), Workspace::new(cli));
        let before = on_shared(&lab);
        std::fs::write(workspace.folder().join("talos.raw.xz"), xz()).expect("the folder is ours");
        let body = format!(
            "source_file = \"${{path.module}}/talos.raw.xz\"\ncompression = \"xz\"\nchecksum = \"{}\"",
            sha256(&xz())
        );
        workspace.configure(&lab.provider_block(), &image(&body));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let state = workspace.resource(ADDRESS);
        assert_eq!(state["volume_id"], "shared:import/talos.raw");
        assert_eq!(state["size_bytes"], 4000);

        std::fs::write(workspace.folder().join("talos.raw.xz"), b"something else")
            .expect("the folder is ours");
        let other =
            body.replace("talos.raw.xz", "./talos.raw.xz").replace(&sha256(&xz()), &sha256(b"nothing"));
        workspace.configure(&lab.provider_block(), &image(&other));
        let told = workspace.apply().failed().prose();
        assert!(told.contains("File cannot be sent"), "{told}");
        workspace.destroy().ok();
        assert_eq!(on_shared(&lab), before);
    });
}

/// What `gzip` makes of some bytes.
fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut child = std::process::Command::new("gzip")
        .args(["-n", "-c"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("gzip is installed");
    child.stdin.take().expect("it was asked for").write_all(bytes).expect("gzip reads");
    child.wait_with_output().expect("gzip ends").stdout
}

#[test]
fn a_compressed_file_that_a_node_fetches_is_kept_as_what_it_holds() {
    with_each_cli(|cli| {
        let (lab, files, workspace) = (Lab::start(), Files::start(), Workspace::new(cli));
        let disc = b"homelab ".repeat(1000);
        let packed = gz(&disc);
        let body = format!(
            "url = \"{}\"\nchecksum = \"{}\"\ncompression = \"gz\"",
            files.put("cd.iso.gz", &packed),
            sha256(&packed)
        );
        let configuration = image(&body).replace("\"import\"", "\"iso\"");
        let kept = || {
            let volume = &lab.state()["volumes"]["/shared:iso/cd.iso"];
            format!("sha256:{}", volume["sha256"].as_str().unwrap_or_default())
        };
        workspace.configure(&lab.provider_block(), &configuration);
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(workspace.resource(ADDRESS)["size_bytes"], 8000);
        assert_eq!(kept(), sha256(&disc));
        // Somebody puts another file there. Its node cannot compare it with the checksum of the compressed one.
        lab.request("DELETE", "/api2/json/nodes/pve1/storage/shared/content/shared:iso/cd.iso?delay=5", None);
        let other = files.put("cd.iso", b"nothing");
        let fetch = json!({ "url": other, "content": "iso", "filename": "cd.iso" }).to_string();
        lab.request("POST", "/api2/json/nodes/pve1/storage/shared/download-url", Some(&fetch));
        wait_for("the other file", Duration::from_secs(10), || (kept() == sha256(b"nothing")).then_some(()));
        let plan = workspace.plan();
        assert!(plan.code == Some(2) && plan.prose().contains("Image was changed outside"), "{}", plan.text);
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(kept(), sha256(&disc));
        workspace.destroy().ok();
    });
}

#[test]
fn a_file_changed_outside_is_put_there_again_and_machines_stay() {
    with_each_cli(|cli| {
        let (lab, files, workspace) = (Lab::start(), Files::start(), Workspace::new(cli));
        let disk = qcow2(64);
        let (url, checksum) = (files.put("debian.qcow2", &disk), sha256(&disk));
        let configuration = image(&format!("url = \"{url}\"\nchecksum = \"{checksum}\""))
            + "resource \"homelab_pve_vm\" \"vm\" {\n  node_name = \"pve1\"\n  name = \"web\"\n  started = false\n  disks = { scsi0 = { storage_name = \"local-lvm\", import_from = homelab_pve_image.this.volume_id } }\n}\n";
        workspace.configure(&lab.provider_block(), &configuration);
        workspace.apply().ok();
        workspace.plan_is_empty();
        let machine = workspace.resource("homelab_pve_vm.vm")["vm_id"].clone();

        let file = "/api2/json/nodes/pve1/storage/shared/content/shared%3Aimport%2Fdebian.qcow2";
        lab.request("DELETE", &format!("{file}?delay=5"), None);
        let other = files.put("other.qcow2", &qcow2(64)[..512]);
        let body = json!({"url": other, "filename": "debian.qcow2", "content": "import"}).to_string();
        lab.request("POST", "/api2/json/nodes/pve1/storage/shared/download-url", Some(&body));
        suite::process::wait_for("the other file", std::time::Duration::from_secs(20), || {
            on_shared(&lab).contains(&"shared:import/debian.qcow2".to_owned()).then_some(())
        });
        let told = workspace.plan().prose();
        assert!(
            told.contains("Image was changed outside")
                && told.contains("0 to add, 1 to change, 0 to destroy"),
            "{told}"
        );
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(workspace.resource(ADDRESS)["size_bytes"], 4096);

        // Another image replaces the file, and nothing else.
        let newer = qcow2(128);
        let url = files.put("debian.qcow2", &newer);
        let changed = configuration.replace(&checksum, &sha256(&newer));
        assert!(changed.contains(&url), "{changed}");
        workspace.configure(&lab.provider_block(), &changed);
        let told = workspace.plan().prose();
        assert!(told.contains("1 to add, 0 to change, 1 to destroy"), "{told}");
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(workspace.resource("homelab_pve_vm.vm")["vm_id"], machine);
        workspace.destroy().ok();
    });
}

#[test]
fn a_file_that_came_without_a_checksum_is_held_to_the_first_one() {
    with_each_cli(|cli| {
        let (lab, files, workspace) = (Lab::start(), Files::start(), Workspace::new(cli));
        let file = lab.folder().join("disk.qcow2");
        let source = format!("source_file = \"{}\"", file.display());
        std::fs::write(&file, qcow2(64)).expect("the folder is ours");
        workspace.configure(&lab.provider_block(), &image(&source));
        workspace.apply().ok();
        let mut other = qcow2(64);
        other.resize(8192, 1);
        std::fs::write(&file, &other).expect("the folder is ours");
        workspace.configure(
            &lab.provider_block(),
            &image(&format!("{source}\nchecksum = \"{}\"", sha256(&other))),
        );
        let plan = workspace.plan().prose();
        assert!(plan.contains("Image is compared"), "{plan}");
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(workspace.resource(ADDRESS)["size_bytes"], 8192);
        workspace.destroy().ok();

        // A node compares what it has, and fetches only what is another file.
        let url = files.put("disk.qcow2", &other);
        let fetched = |more: &str| image(&format!("url = \"{url}\"\n{more}"));
        workspace.configure(&lab.provider_block(), &fetched("allow_unverified = true"));
        workspace.apply().ok();
        let served = files.served();
        workspace.configure(&lab.provider_block(), &fetched(&format!("checksum = \"{}\"", sha256(&other))));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(files.served(), served);
        workspace.destroy().ok();
    });
}

#[test]
fn what_cannot_work_is_told_by_the_plan() {
    with_each_cli(|cli| {
        let (lab, workspace) = (Lab::start(), Workspace::new(cli));
        for (body, words) in [
            ("url = \"http://127.0.0.1/a.qcow2\"", "set `allow_unverified = true`"),
            ("url = \"http://127.0.0.1/\"\nallow_unverified = true", "has no file name that could be used"),
            (
                "url = \"http://127.0.0.1/a.img\"\nallow_unverified = true",
                "has none of .qcow2, .raw, .vmdk, .ova",
            ),
            (
                "url = \"http://127.0.0.1/a.raw.xz\"\ncompression = \"xz\"\nallow_unverified = true",
                "Download the file here and use `source_file`",
            ),
            (
                "url = \"http://127.0.0.1/a.raw.xz?b\"\nfile_name = \"a.raw\"\nallow_unverified = true",
                "Nodes decompress only `iso` files that they fetch",
            ),
            ("source_file = \"a.raw.zst\"\nfile_name = \"a.raw\"", "Set `compression` to \"zst\""),
            ("source_file = \"none.raw\"", "The file \"none.raw\" cannot be read"),
            ("source_file = \".\"\nfile_name = \"a.raw\"", "it is a folder"),
            ("source_file = \"a.raw\"\nurl = \"http://127.0.0.1/a.raw\"", "Only one of"),
            (
                "url = \"http://127.0.0.1/a.raw\"\nchecksum = \"sha256:00\"",
                "a checksum has to be an algorithm",
            ),
        ] {
            workspace.configure(&lab.provider_block(), &image(body));
            let told = workspace.plan().failed().prose();
            assert!(told.contains(words), "{words}: {told}");
        }
        let elsewhere = image("source_file = \"a.raw\"").replace("shared", "local-lvm");
        workspace.configure(&lab.provider_block(), &elsewhere);
        let told = workspace.plan().prose();
        assert!(told.contains("does not take \"import\""), "{told}");
        assert_eq!(workspace.show_json()["values"], Value::Null);
    });
}
