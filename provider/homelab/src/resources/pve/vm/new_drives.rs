//! What a new drive has to be told: where its volume goes, and how large it is.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::inherited::Question;
use super::{cloud_init, disk, firmware, seed, slot};

/// An argument that is missing, unless the machine has the drive already: then an argument without it is about that one.
struct Lack {
    drive: Drive,
    problem: Diagnostic,
}

enum Drive {
    /// The one with this wire key.
    Key(String),
    /// The one for cloud-init, or else any disk, whose storage it then shares.
    CloudInit,
}

/// Asks whether the drives that lack something are there.
pub(super) fn questions(before: Option<&Value>, config: &Value) -> Vec<Question> {
    let question = |lack: Lack| -> Question {
        Box::new(move |found| (!lack.drive.is_in(found)).then(|| lack.problem.clone()))
    };
    lacks(before, config).into_iter().map(question).chain(sizes(before, config)).collect()
}

/// A disk from a template, or from somebody, may be larger than it is to be.
fn sizes(before: Option<&Value>, config: &Value) -> Vec<Question> {
    let disks = config.attribute("disks").as_entries().into_iter().flatten();
    let question = |(slot, wanted): (&String, &Value)| -> Option<Question> {
        let is_known = before.is_some_and(|before| before.at(&Path::from("disks").key(slot)).is_set());
        let wants = wanted.attribute("size_gib").as_number().and_then(Number::to_i64);
        let (slot, wants) = (slot.clone(), u64::try_from(wants.filter(|_| !is_known)?).ok()?);
        Some(Box::new(move |found| {
            let has = disk::in_slot(found, &slot)?.size()?.gib_rounded_up();
            disk::shrinks(&slot, has, wants, "the machine or its template")
        }))
    };
    disks.filter_map(question).collect()
}

impl Drive {
    fn is_in(&self, present: &VmConfig) -> bool {
        match self {
            Self::Key(key) if slot::is_disk(key) => disk::in_slot(present, key).is_some(),
            Self::Key(key) => present.value(key).is_some(),
            Self::CloudInit => {
                let mut keys = present.values.keys();
                cloud_init::drive(present).is_some() || keys.any(|key| disk::in_slot(present, key).is_some())
            }
        }
    }
}

/// What each drive that the state does not have lacks, if it is to be made.
fn lacks(before: Option<&Value>, config: &Value) -> Vec<Lack> {
    let has = |path: &Path| before.is_some_and(|before| before.at(path).is_set());
    let mut lacks = Vec::new();
    for (slot, wanted) in config.attribute("disks").as_entries().into_iter().flatten() {
        if has(&Path::from("disks").key(slot)) {
            continue;
        }
        let mut lack = |problem| lacks.push(Lack { drive: Drive::Key(slot.clone()), problem });
        let says = |name: &str| !wanted.attribute(name).is_null();
        if !says("storage_name") {
            lack(disk::no_storage(slot));
        }
        if !says("size_gib") && !says("import_from") {
            lack(disk::no_size(slot));
        }
    }
    for (argument, key) in [("efi_disk", firmware::EFI), ("tpm_state", firmware::TPM)] {
        let wanted = config.attribute(argument);
        if wanted.is_set() && wanted.attribute("storage_name").is_null() && !has(&argument.into()) {
            let problem = firmware::no_storage(argument);
            lacks.push(Lack { drive: Drive::Key(key.to_owned()), problem });
        }
    }
    if cloud_init_lacks(config) && !has(&"cloud_init".into()) {
        lacks.push(Lack { drive: Drive::CloudInit, problem: cloud_init::no_storage() });
    }
    lacks
}

/// Whether nothing of a configuration says where a drive for cloud-init goes. Templates have a disk.
fn cloud_init_lacks(config: &Value) -> bool {
    let (wanted, disks) = (config.attribute("cloud_init"), config.attribute("disks"));
    let says = |name: &str| !wanted.attribute(name).is_null();
    let names_storage = |(_, disk): (&String, &Value)| !disk.attribute("storage_name").is_null();
    wanted.is_set()
        && config.attribute("clone").is_null()
        && !says("storage_name")
        && !seed::DOCUMENTS.into_iter().any(|(name, _)| says(name))
        && !disks.is_unknown()
        && !disks.as_entries().into_iter().flatten().any(names_storage)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::model::Vm;
    use super::*;

    #[track_caller]
    fn check(
        before: Option<serde_json::Value>,
        config: serde_json::Value,
        has: &[(&str, &str)],
        blamed: &[&str],
    ) {
        let vm = |json: serde_json::Value| Value::from_json(&json, &Vm::schema().ty()).unwrap();
        let before = before.map(vm);
        let values = has.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let present = VmConfig { values: values.collect(), digest: None };
        let problems = questions(before.as_ref(), &vm(config)).into_iter();
        let found: Vec<String> =
            problems.filter_map(|question| Some(question(&present)?.path.unwrap().to_string())).collect();
        assert_eq!(found, blamed);
    }

    #[test]
    fn a_new_drive_is_told_where_it_goes_and_how_large_it_is() {
        let all = json!({"disks": {"scsi0": {}}, "efi_disk": {}, "tpm_state": {}, "cloud_init": {}});
        let blamed = [
            "disks[\"scsi0\"].storage_name",
            "disks[\"scsi0\"].size_gib",
            "efi_disk.storage_name",
            "tpm_state.storage_name",
            "cloud_init.storage_name",
        ];
        check(None, all.clone(), &[], &blamed);
        check(Some(json!({})), all, &[], &blamed);
        let told = json!({"storage_name": "tank", "size_gib": 8});
        let named = json!({"storage_name": "tank"});
        check(None, json!({"disks": {"scsi0": told}, "efi_disk": named, "cloud_init": {}}), &[], &[]);
        let imported = json!({"storage_name": "tank", "import_from": "local:import/a.qcow2"});
        check(None, json!({"disks": {"scsi0": imported}}), &[], &[]);
        check(None, json!({"cloud_init": {"user_data": "#cloud-config"}}), &[], &[]);
        check(None, json!({"cloud_init": {}, "clone": {"vm_id": 100}}), &[], &[]);
    }

    #[test]
    fn what_the_machine_has_is_only_changed() {
        let config = json!({"disks": {"scsi0": {"ssd": true}}, "efi_disk": {}, "cloud_init": {}});
        check(Some(config.clone()), config.clone(), &[], &[]);
        let has = [("scsi0", "tank:vm-100-disk-0,size=8G"), ("efidisk0", "tank:vm-100-disk-1,size=1M")];
        check(None, config.clone(), &has, &[]);
        let small = json!({"disks": {"scsi0": {"size_gib": 4}}});
        check(None, small.clone(), &has, &["disks[\"scsi0\"].size_gib"]);
        check(Some(small.clone()), small, &has, &[]);
        let other = [("scsi0", "local:iso/a.iso,media=cdrom"), ("ide2", "tank:vm-100-cloudinit,media=cdrom")];
        check(
            Some(json!({})),
            config,
            &other,
            &["disks[\"scsi0\"].storage_name", "disks[\"scsi0\"].size_gib", "efi_disk.storage_name"],
        );
    }
}
