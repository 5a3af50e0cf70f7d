//! A virtual machine as a node keeps it: its configuration file and, while it runs, its process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::drive::{self, Drive};
use super::options;

/// One section of a configuration file.
pub type Options = BTreeMap<String, String>;

/// A virtual machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vm {
    /// Node whose directory holds the configuration file.
    pub node: String,
    /// The configuration in force.
    pub config: Options,
    /// Values that take effect at the next start.
    #[serde(default)]
    pub pending: Options,
    /// Options that go away at the next start; `true` also frees their volume.
    #[serde(default)]
    pub pending_delete: BTreeMap<String, bool>,
    /// Snapshots by name.
    #[serde(default)]
    pub snapshots: BTreeMap<String, Options>,
    /// What the generated cloud-init drive says where it differs from the configuration; `None` for
    /// options that it lacks.
    #[serde(default)]
    pub cloudinit: BTreeMap<String, Option<String>>,
    /// The process, while there is one.
    #[serde(default)]
    pub process: Option<Process>,
}

/// A running QEMU.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process id on the node.
    pub pid: u32,
    /// Start, in seconds since the epoch.
    pub started_at: i64,
    /// Whether the CPUs are halted.
    pub paused: bool,
    /// Network devices that were plugged in after the start.
    #[serde(default)]
    pub hotplugged: Vec<String>,
    /// Addresses of the PCI devices that it has.
    #[serde(default)]
    pub pci: Vec<String>,
}

impl Vm {
    /// A VM without any option, on a node.
    pub fn on(node: &str) -> Self {
        Self { node: node.to_owned(), ..Self::default() }
    }

    /// Value of an option in force.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.config.get(key).map(String::as_str)
    }

    /// Sets an option in force.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.config.insert(key.to_owned(), value.into());
    }

    /// Whether a switch such as `template` or `protection` is on.
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key) == Some("1")
    }

    /// Whether the VM is a template.
    pub fn is_template(&self) -> bool {
        self.is_on("template")
    }

    /// Whether a process runs.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Name as lists show it.
    pub fn display_name(&self, vmid: u32) -> String {
        self.get("name").map_or_else(|| format!("VM {vmid}"), str::to_owned)
    }

    /// Drives of the configuration in force, in the order of their keys, without `unusedN`.
    pub fn drives(&self) -> impl Iterator<Item = (&str, Drive)> {
        drives_of(&self.config)
    }

    /// Volumes kept in `unusedN` entries.
    pub fn unused(&self) -> impl Iterator<Item = (&str, &str)> {
        self.config
            .iter()
            .filter(|(key, _)| drive::is_unused_key(key))
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether a slot in force or any snapshot names the volume.
    pub fn uses_volume(&self, volume: &str) -> bool {
        self.drives().any(|(_, drive)| drive.file == volume)
            || self
                .snapshots
                .values()
                .any(|snapshot| drives_of(snapshot).any(|(_, drive)| drive.file == volume))
    }

    /// Remembers a volume under the first free `unusedN`, unless it is there already.
    pub fn add_unused(&mut self, volume: &str) -> Option<String> {
        if self.unused().any(|(_, kept)| kept == volume) {
            return None;
        }
        let key = (0..drive::MAX_UNUSED)
            .map(|number| format!("unused{number}"))
            .find(|key| !self.config.contains_key(key))?;
        self.set(&key, volume);
        Some(key)
    }

    /// What every write of the file does: `unusedN` entries of volumes that are back in a slot go away, and so does
    /// an empty description.
    pub fn tidy(&mut self) {
        let used: Vec<String> = self.drives().map(|(_, drive)| drive.file).collect();
        self.config.retain(|key, value| !drive::is_unused_key(key) || !used.contains(value));
        self.config.retain(|key, value| key != "description" || !value.is_empty());
    }

    /// Drops pending values that are in force already, and pending removals of options that are not set.
    pub fn tidy_pending(&mut self) {
        let config = &self.config;
        self.pending.retain(|key, value| config.get(key) != Some(value));
        self.pending_delete.retain(|key, _| config.contains_key(key));
    }

    /// The configuration that the next start will have.
    pub fn merged(&self) -> Options {
        let mut merged = self.config.clone();
        for key in self.pending_delete.keys() {
            merged.remove(key);
        }
        merged.extend(self.pending.clone());
        merged
    }

    /// Text of the configuration file.
    pub fn file(&self) -> String {
        let mut text = section(&self.config);
        if !self.cloudinit.is_empty() {
            text.push_str("\n[special:cloudinit]\n");
            for (key, value) in &self.cloudinit {
                text.push_str(&format!("{key}: {}\n", value.as_deref().unwrap_or_default()));
            }
        }
        if !self.pending.is_empty() || !self.pending_delete.is_empty() {
            text.push_str("\n[PENDING]\n");
            let delete: Vec<String> = self
                .pending_delete
                .iter()
                .map(|(key, force)| if *force { format!("!{key}") } else { key.clone() })
                .collect();
            if !delete.is_empty() {
                text.push_str(&format!("delete: {}\n", delete.join(",")));
            }
            text.push_str(&section(&self.pending));
        }
        for (name, snapshot) in &self.snapshots {
            text.push_str(&format!("\n[{name}]\n{}", section(snapshot)));
        }
        text
    }

    /// SHA-1 of the configuration file, for optimistic locking.
    pub fn digest(&self) -> String {
        use sha1::Digest as _;
        sha1::Sha1::digest(self.file()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A section as the API shows it, with its digest and without the password.
    pub fn to_json(&self, options: &Options) -> Map<String, Value> {
        let mut shown = public(options);
        shown.insert("digest".to_owned(), self.digest().into());
        shown
    }
}

/// Options as JSON; the cloud-init password is masked.
pub fn public(options: &Options) -> Map<String, Value> {
    options
        .iter()
        .map(|(key, value)| {
            let value = if key == "cipassword" { MASK.into() } else { options::to_json(key, value) };
            (key.clone(), value)
        })
        .collect()
}

/// What stands in for a password.
pub const MASK: &str = "**********";

/// Drives of a section, in the order of their keys, without `unusedN`.
pub fn drives_of(options: &Options) -> impl Iterator<Item = (&str, Drive)> {
    options
        .iter()
        .filter(|(key, _)| drive::is_drive_key(key))
        .filter_map(|(key, value)| Some((key.as_str(), Drive::parse(value)?)))
}

/// A section of a configuration file as text, its description in front.
pub fn section(options: &Options) -> String {
    let mut text = String::new();
    for line in options.get("description").into_iter().flat_map(|text| text.lines()) {
        text.push_str(&format!("#{}\n", percent_encoding::utf8_percent_encode(line, COMMENT)));
    }
    for (key, value) in options.iter().filter(|(key, _)| *key != "description") {
        text.push_str(&format!("{key}: {value}\n"));
    }
    text
}

const COMMENT: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b'%').add(b':');

#[cfg(test)]
mod tests {
    use super::*;

    fn vm(options: &[(&str, &str)]) -> Vm {
        let mut vm = Vm::on("pve1");
        for (key, value) in options {
            vm.set(key, *value);
        }
        vm
    }

    #[test]
    fn a_volume_that_is_back_in_a_slot_is_no_longer_unused() {
        let mut vm = vm(&[
            ("unused0", "ds2:103/a.raw"),
            ("unused1", "ds2:103/b.raw"),
            ("sata0", "ds2:103/a.raw,size=1G"),
        ]);
        vm.tidy();
        assert_eq!(vm.unused().collect::<Vec<_>>(), [("unused1", "ds2:103/b.raw")]);
    }

    #[test]
    fn the_first_free_unused_entry_is_taken_and_no_volume_twice() {
        let mut vm = vm(&[("unused0", "ds2:1/a.raw")]);
        assert_eq!(vm.add_unused("ds2:1/b.raw").as_deref(), Some("unused1"));
        assert_eq!(vm.add_unused("ds2:1/b.raw"), None);
        vm.config.remove("unused0");
        assert_eq!(vm.add_unused("ds2:1/c.raw").as_deref(), Some("unused0"));
    }

    #[test]
    fn the_digest_follows_everything_that_the_file_holds() {
        let mut vm = vm(&[("cores", "2"), ("description", "one\ntwo")]);
        let mut seen = vec![vm.digest()];
        vm.pending.insert("cores".to_owned(), "4".to_owned());
        seen.push(vm.digest());
        vm.pending.clear();
        vm.pending_delete.insert("cores".to_owned(), false);
        seen.push(vm.digest());
        vm.pending_delete.clear();
        assert_eq!(vm.digest(), seen[0], "the same content has the same digest");
        vm.snapshots.insert("s".to_owned(), Options::new());
        seen.push(vm.digest());
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn the_next_start_sees_pending_values_and_removals() {
        let mut vm = vm(&[("cores", "2"), ("agent", "1")]);
        vm.pending.insert("memory".to_owned(), "256".to_owned());
        vm.pending.insert("cores".to_owned(), "2".to_owned());
        vm.pending_delete.insert("agent".to_owned(), false);
        vm.pending_delete.insert("balloon".to_owned(), false);
        vm.tidy_pending();
        assert_eq!(vm.pending.len() + vm.pending_delete.len(), 2, "what changes nothing is dropped");
        let merged = vm.merged();
        assert_eq!(merged.keys().collect::<Vec<_>>(), ["cores", "memory"]);
    }

    #[test]
    fn the_password_never_leaves() {
        assert_eq!(public(&vm(&[("cipassword", "secret")]).config)["cipassword"], MASK);
    }
}
