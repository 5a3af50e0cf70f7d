//! The image as other programs read it. Each test says when the program is not installed.

use std::path::Path;
use std::process::{Command, Output};

use cloud_init::NoCloud;

/// What the program prints, or `None`, and a line that says so, when it is not installed.
fn run(program: &str, arguments: &[&str], image: &Path) -> Option<String> {
    let mut command = Command::new(program);
    for argument in arguments {
        command.arg(if *argument == "IMAGE" { image.as_os_str() } else { argument.as_ref() });
    }
    let Ok(Output { status, stdout, stderr }) = command.output() else {
        eprintln!("skipped: {program} is not installed");
        return None;
    };
    assert!(status.success(), "{program}: {}", String::from_utf8_lossy(&stderr));
    Some(String::from_utf8_lossy(&stdout).into_owned())
}

fn with_image(test: impl FnOnce(&Path, &NoCloud)) {
    let data = NoCloud {
        user_data: "#cloud-config\n{}\n".repeat(400),
        meta_data: "instance-id: i-1\n".to_owned(),
        network_config: Some("version: 2\n".to_owned()),
        vendor_data: Some(String::new()),
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("seed.iso");
    let image = data.image().expect("four small files fit");
    std::fs::write(&path, image).expect("the folder is writable");
    test(&path, &data);
}

#[test]
fn isoinfo_reads_both_trees() {
    with_image(|image, data| {
        for tree in ["-R", "-J"] {
            let Some(list) = run("isoinfo", &["-f", tree, "-i", "IMAGE"], image) else { return };
            let list: Vec<&str> = list.lines().collect();
            assert_eq!(list, ["/meta-data", "/network-config", "/user-data", "/vendor-data"], "{tree}");
            let user_data = run("isoinfo", &[tree, "-x", "/user-data", "-i", "IMAGE"], image);
            assert_eq!(user_data.as_deref(), Some(data.user_data.as_str()), "{tree}");
        }
        let described = run("isoinfo", &["-d", "-i", "IMAGE"], image).unwrap_or_default();
        for line in
            ["Volume id: cidata", "Joliet with UCS level 3 found", "Rock Ridge signatures version 1 found"]
        {
            assert!(described.contains(line), "{described}");
        }
    });
}

#[test]
fn bsdtar_extracts_what_was_put_in() {
    with_image(|image, data| {
        let Some(list) = run("bsdtar", &["-tf", "IMAGE"], image) else { return };
        for name in ["user-data", "meta-data", "network-config", "vendor-data"] {
            assert!(list.lines().any(|line| line == name), "{list}");
        }
        let meta_data = run("bsdtar", &["-xOf", "IMAGE", "meta-data"], image);
        assert_eq!(meta_data.as_deref(), Some(data.meta_data.as_str()));
    });
}

#[test]
fn xorriso_finds_nothing_to_complain_about() {
    with_image(|image, _| {
        let arguments = [
            "-abort_on",
            "WARNING",
            "-report_about",
            "WARNING",
            "-indev",
            "IMAGE",
            "-find",
            "/",
            "-exec",
            "lsdl",
        ];
        let Some(list) = run("xorriso", &arguments, image) else { return };
        assert!(list.contains("-r--------") && list.contains("'/user-data'"), "{list}");
    });
}

#[test]
fn blkid_sees_the_label_that_cloud_init_looks_for() {
    with_image(|image, _| {
        let Some(label) = run("blkid", &["-p", "-o", "value", "-s", "LABEL", "IMAGE"], image) else { return };
        assert_eq!(label.trim(), "cidata");
    });
}
