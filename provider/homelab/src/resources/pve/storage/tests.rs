//! From arguments to the wire and back, for every type.

use super::*;

fn read(kind: &str, settings: Settings) -> Storage {
    let found = StorageConfig { name: "st".parse().unwrap(), kind: kind.to_owned(), settings };
    Storage::read(found, None)
}

#[test]
fn every_type_reads_back_what_it_sends() {
    let common = || Settings::new().words("content", ["iso", "images"]).words("nodes", ["pve1"]);
    for (kind, settings) in [
        ("dir", common().set("path", "/mnt/a").bool("shared", Some(false)).set("content-dirs", "iso=i")),
        ("zfspool", common().set("pool", "tank/vms").bool("sparse", Some(true)).set("blocksize", "16k")),
        ("nfs", common().set("server", "nas").set("export", "/x").set("options", "vers=4.2")),
        (
            "cifs",
            common().set("server", "nas").set("share", "s").set("username", "u").set("smbversion", "3.0"),
        ),
        ("lvm", common().set("vgname", "vg").bool("saferemove", Some(true))),
        ("lvmthin", common().set("vgname", "vg").set("thinpool", "data")),
        ("btrfs", common().set("path", "/b").bool("nocow", Some(true))),
        (
            "pbs",
            common().set("server", "pbs").set("datastore", "d").set("port", 8007).set("namespace", "tier1"),
        ),
        ("iscsi", common().set("portal", "192.0.2.1").set("target", "iqn.2003-01.org.example:t")),
        ("cephfs", common().words("monhost", ["192.0.2.1", "192.0.2.2"]).bool("fuse", Some(false))),
        ("rbd", common().set("pool", "rbd").bool("krbd", Some(true)).set("bwlimit", "clone=100,default=0")),
    ] {
        let storage = read(kind, settings.clone().set("disable", 1).set("prune-backups", "keep-last=3"));
        let sent = storage.settings();
        assert_eq!(storage.typed().0, kind);
        for (name, value) in settings.params().iter() {
            assert_eq!(sent.word_set(name), settings.word_set(name), "{kind} {name}={value}");
        }
        assert_eq!(
            (sent.text("disable"), sent.text("prune-backups")),
            (Some("1"), Some("keep-last=3")),
            "{kind}"
        );
    }
}

#[test]
fn an_enabled_storage_is_not_told_that_it_is() {
    let storage = read("dir", Settings::new().set("path", "/a"));
    assert_eq!((storage.enabled.known(), storage.settings().text("disable")), (Some(&true), None));
}

#[test]
fn a_secret_is_sent_for_a_new_storage_and_for_a_new_version_only() {
    let mut storage = read("pbs", Settings::new().set("server", "pbs").set("datastore", "d"));
    let pbs = storage.pbs.as_mut().unwrap();
    pbs.password_wo = Some("secret".to_owned());
    pbs.password_wo_version = Some(1);
    let names = |secrets: Secrets| format!("{secrets:?}").contains("password");
    assert!(names(storage.secrets(None)));
    assert!(!names(storage.secrets(Some(&storage.clone()))));
    let mut older = storage.clone();
    older.pbs.as_mut().unwrap().password_wo_version = None;
    assert!(names(storage.secrets(Some(&older))));
}
