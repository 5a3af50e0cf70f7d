//! The changes of a machine's configuration, collected against what it has now.

use pve_client::{Params, PropertyString, VmConfig};
use tf_framework::prelude::*;

use super::slot;

/// Wire keys to set and to delete, so that the configuration becomes what is wanted. Nothing that is right already
/// is written again.
#[derive(Debug)]
pub(super) struct Writes<'a> {
    current: &'a VmConfig,
    set: BTreeMap<String, String>,
    delete: BTreeSet<String>,
    problems: Vec<Diagnostic>,
    again: bool,
}

impl<'a> Writes<'a> {
    /// No changes.
    pub(super) fn against(current: &'a VmConfig) -> Self {
        Self { current, set: BTreeMap::new(), delete: BTreeSet::new(), problems: Vec::new(), again: false }
    }

    /// The configuration as it is.
    pub(super) fn current(&self) -> &'a VmConfig {
        self.current
    }

    /// Sets a key, unless it has the value.
    pub(super) fn put(&mut self, key: &str, value: impl ToString) {
        let value = value.to_string();
        if self.current.value(key) != Some(&value) {
            self.force(key, value);
        }
    }

    /// Sets a key whose present value cannot be compared.
    pub(super) fn force(&mut self, key: &str, value: impl ToString) {
        self.set.insert(key.to_owned(), value.to_string());
    }

    /// Removes a key, if it is there.
    pub(super) fn remove(&mut self, key: &str) {
        if self.current.values.contains_key(key) {
            self.delete.insert(key.to_owned());
        }
    }

    /// Notes why the wish cannot be written.
    pub(super) fn problem(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// Has the rest written after this.
    pub(super) fn write_again(&mut self) {
        self.again = true;
    }

    /// Whether there is a rest to write after this.
    pub(super) fn is_written_again(&self) -> bool {
        self.again
    }

    /// A text or a whole number.
    pub(super) fn text(&mut self, key: &str, wish: Edit<impl ToString>) {
        match wish {
            Edit::Keep => {}
            Edit::Set(value) => self.put(key, value),
            Edit::Clear => self.remove(key),
        }
    }

    /// A boolean.
    pub(super) fn flag(&mut self, key: &str, wish: Edit<bool>) {
        self.text(key, wish.map(u8::from));
    }

    /// A number that may be written in several ways.
    pub(super) fn number(&mut self, key: &str, wish: Edit<&f64>) {
        let present = self.current.value(key).and_then(|text| text.parse::<f64>().ok());
        match wish {
            Edit::Set(value) if present == Some(*value) => {}
            wish => self.text(key, wish),
        }
    }

    /// A property string: options that are not named stay as they are.
    pub(super) fn property(
        &mut self,
        key: &str,
        default_key: Option<&str>,
        change: impl FnOnce(&mut PropertyString),
    ) {
        let present = property(self.current, key, default_key);
        let mut changed = present.clone();
        change(&mut changed);
        if changed == present {
            return;
        }
        if changed == PropertyString::default() {
            self.remove(key);
        } else {
            self.force(key, changed);
        }
    }

    /// Whether nothing is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.delete.is_empty()
    }

    /// Whether a key is to be set or deleted.
    pub(super) fn touches(&self, key: impl Fn(&str) -> bool) -> bool {
        self.set.keys().chain(&self.delete).any(|name| key(name))
    }

    /// Whether a drive is taken out of its slot, and nothing comes into it.
    pub(super) fn empties_a_slot(&self) -> bool {
        let mut gone = self.delete.iter().filter(|key| !self.set.contains_key(*key));
        gone.any(|key| slot::is_disk(key) || slot::is_firmware(key))
    }

    /// Whether Proxmox VE has to allocate or copy a volume, which takes longer than an answer may.
    pub(super) fn allocates(&self) -> bool {
        let disks = self.set.iter().filter(|(key, _)| slot::is_disk(key) || slot::is_firmware(key));
        disks.map(|(_, value)| value).any(|value| {
            let file = value.split(',').next().unwrap_or_default();
            let sized = file.rsplit_once(':').is_some_and(|(_, size)| size.parse::<f64>().is_ok());
            sized || value.contains("import-from=")
        })
    }

    /// Whether a slot gets a CD drive that had none.
    pub(super) fn adds_cdrom(&self) -> bool {
        let is_cdrom = |value: &str| value.split(',').any(|part| part == "media=cdrom");
        self.set.iter().any(|(key, value)| {
            slot::is_cdrom(key) && is_cdrom(value) && !self.current.value(key).is_some_and(is_cdrom)
        })
    }

    /// What to set and what to delete; or why not.
    pub(super) fn finish(self) -> Result<(Params, Vec<String>)> {
        if !self.problems.is_empty() {
            return Err(Error(self.problems));
        }
        // A slot that changes its kind of device is left by one and taken by another; setting it does both.
        let delete = self.delete.into_iter().filter(|key| !self.set.contains_key(key)).collect();
        let mut params = Params::new();
        for (key, value) in self.set {
            params.push(key, value);
        }
        Ok((params, delete))
    }
}

/// A property string of a configuration; an empty one if it is not set.
pub(super) fn property(config: &VmConfig, key: &str, default_key: Option<&str>) -> PropertyString {
    config.value(key).and_then(|text| PropertyString::parse(text, default_key).ok()).unwrap_or_default()
}

/// Changes one option of a property string.
pub(super) fn option(property: &mut PropertyString, key: &str, wish: Edit<impl ToString>) {
    match wish {
        Edit::Keep => {}
        Edit::Set(value) => property.set(key, Some(value)),
        Edit::Clear => property.set(key, None::<&str>),
    }
}

/// Changes the first value of a property string. Where there is none and `is_assumed`, it is left at the default.
pub(super) fn leading(
    property: &mut PropertyString,
    wish: Edit<impl ToString>,
    default: &str,
    is_assumed: bool,
) {
    match wish.map(|value| value.to_string()) {
        Edit::Keep => {}
        Edit::Set(value) if is_assumed && property.default.is_none() && value == default => {}
        Edit::Set(value) => property.default = Some(value),
        Edit::Clear => property.default = None,
    }
    // Proxmox VE refuses the others without it.
    if property.default.is_none() && !property.options.is_empty() {
        property.default = Some(default.to_owned());
    }
}

/// Changes one boolean option; a present one that means the same keeps its spelling.
pub(super) fn switch(property: &mut PropertyString, key: &str, wish: Edit<bool>) {
    if let Edit::Set(value) = wish
        && property.truth(key) == Some(value)
    {
        return;
    }
    option(property, key, wish.map(u8::from));
}

/// Changes one number; a present one of the same value keeps its spelling.
pub(super) fn quantity(property: &mut PropertyString, key: &str, wish: Edit<&f64>) {
    let present = property.value(key).and_then(|text| text.parse::<f64>().ok());
    if let Edit::Set(value) = wish
        && present == Some(*value)
    {
        return;
    }
    option(property, key, wish);
}

/// A setting that reads from text.
pub(super) fn parsed<T: std::str::FromStr>(config: &VmConfig, key: &str) -> Option<T> {
    config.value(key)?.parse().ok()
}

/// A boolean setting.
pub(super) fn truth(config: &VmConfig, key: &str) -> Option<bool> {
    config.value(key).map(|text| matches!(text, "1" | "on" | "yes" | "true"))
}

/// An option of a property string that reads from text.
pub(super) fn option_of<T: std::str::FromStr>(property: &PropertyString, key: &str) -> Option<T> {
    property.value(key)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(values: &[(&str, &str)]) -> VmConfig {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        VmConfig { values, digest: None }
    }

    fn written(writes: Writes<'_>) -> (Vec<(String, String)>, Vec<String>) {
        let (set, delete) = writes.finish().unwrap();
        (set.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(), delete)
    }

    #[test]
    fn what_is_right_already_is_not_written() {
        let current = config(&[("cores", "2"), ("cpulimit", "1.50"), ("name", "a"), ("agent", "1,type=isa")]);
        let mut writes = Writes::against(&current);
        writes.text("cores", Edit::Set(2));
        writes.number("cpulimit", Edit::Set(&1.5));
        writes.text("bios", Edit::<&str>::Clear);
        writes.property("agent", Some("enabled"), |agent| option(agent, "type", Edit::Set("isa")));
        assert!(writes.is_empty());
        writes.text("name", Edit::<&str>::Clear);
        writes.text("cores", Edit::Set(4));
        assert_eq!(written(writes), (vec![("cores".to_owned(), "4".to_owned())], vec!["name".to_owned()]));
    }

    #[test]
    fn options_that_nobody_named_stay() {
        let current = config(&[("agent", "1,freeze-fs=0"), ("cpu", "host")]);
        let mut writes = Writes::against(&current);
        writes.property("agent", Some("enabled"), |agent| option(agent, "type", Edit::Set("isa")));
        writes.property("cpu", Some("cputype"), |cpu| cpu.default = None);
        assert_eq!(
            written(writes),
            (vec![("agent".to_owned(), "1,freeze-fs=0,type=isa".to_owned())], vec!["cpu".to_owned()])
        );
    }

    #[test]
    fn a_slot_is_emptied_unless_something_else_comes_into_it() {
        let current = config(&[
            ("scsi0", "a:1"),
            ("ide2", "none,media=cdrom"),
            ("tpmstate0", "a:2"),
            ("net0", "virtio"),
        ]);
        for (key, empties) in
            [("scsi0", true), ("ide2", true), ("tpmstate0", true), ("net0", false), ("sata0", false)]
        {
            let mut writes = Writes::against(&current);
            writes.remove(key);
            assert_eq!(writes.empties_a_slot(), empties, "{key}");
            writes.force(key, "none,media=cdrom");
            assert!(!writes.empties_a_slot(), "{key}");
        }
    }

    #[test]
    fn only_new_volumes_need_a_task() {
        let current = config(&[]);
        for (value, long) in [
            ("local:8,format=qcow2", true),
            ("local:0,import-from=local:import/a.qcow2", true),
            ("local:100/vm-100-disk-0.raw,discard=on", false),
            ("local:cloudinit,media=cdrom", false),
            ("none,media=cdrom", false),
        ] {
            let mut writes = Writes::against(&current);
            writes.force("scsi0", value);
            assert_eq!(writes.allocates(), long, "{value}");
        }
        let mut writes = Writes::against(&current);
        writes.force("net0", "virtio=BC:24:11:00:00:01");
        assert!(!writes.allocates());
    }
}
