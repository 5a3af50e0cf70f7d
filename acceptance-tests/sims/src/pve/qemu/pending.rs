//! From a pending change to one in force: at once on a stopped VM, by hot-plugging on a running one.

use std::collections::{BTreeMap, BTreeSet};

use super::cloudinit;
use super::drive::{self, Drive};
use super::hotplug::{self, Features, Plug};
use super::options;
use super::vm::{MASK, Vm};
use crate::pve::answer::Failure;
use crate::pve::content::naming::VolumeId;
use crate::pve::state::Lab;

/// What a pending change could not do, by option.
pub type Problems = BTreeMap<String, String>;

impl Lab {
    /// Applies everything that is pending on a stopped VM.
    pub fn apply_stopped(&mut self, vmid: u32, log: &mut Vec<String>) {
        let Some(mut vm) = self.vms.get(&vmid).cloned() else { return };
        for (key, force) in std::mem::take(&mut vm.pending_delete) {
            self.drop_option(vmid, &mut vm, &key, force, log);
        }
        vm.tidy_pending();
        for (key, value) in std::mem::take(&mut vm.pending) {
            if drive::is_drive_key(&key)
                && let Some(old) = vm.get(&key).and_then(Drive::parse)
            {
                self.retire(vmid, &mut vm, &old, log);
            }
            vm.set(&key, value);
        }
        vm.cloudinit.clear();
        self.store_vm(vmid, vm);
    }

    /// Applies what a running VM can take over of the options that were just changed, and leaves the rest pending.
    pub fn apply_running(
        &mut self,
        vmid: u32,
        touched: &BTreeSet<String>,
        log: &mut Vec<String>,
    ) -> Problems {
        let Some(mut vm) = self.vms.get(&vmid).cloned() else { return Problems::new() };
        let mut problems = Problems::new();
        let immediate: Vec<String> =
            vm.pending.keys().filter(|key| options::is_immediate(key)).cloned().collect();
        for key in immediate {
            if let Some(value) = vm.pending.remove(&key) {
                cloudinit::record_change(&mut vm, &key, Some(&value));
                vm.set(&key, value);
            }
        }
        let features = Features::of(vm.get("hotplug"));
        for (key, force) in vm.pending_delete.clone() {
            if !touched.contains(&key) {
                continue;
            }
            match hotplug::remove(&vm, &key, features, self.guest_systems.react) {
                Plug::Now => {
                    cloudinit::record_change(&mut vm, &key, None);
                    vm.pending_delete.remove(&key);
                    self.drop_option(vmid, &mut vm, &key, force, log);
                }
                Plug::Later => {}
                Plug::Problem(problem) => {
                    problems.insert(key, format!("hotplug problem - {problem}"));
                }
            }
        }
        for (key, value) in vm.pending.clone() {
            if !touched.contains(&key) {
                continue;
            }
            let plug = hotplug::change(&vm, &key, &value, features, self.guest_systems.react);
            // A USB device is opened when it is plugged in.
            let opened =
                if drive::is_indexed(&key, "usb", 14) { self.require_usb(&vm.node, &value) } else { Ok(()) };
            match (plug, opened) {
                (Plug::Now, Err(failure)) => {
                    problems.insert(key, format!("hotplug problem - {}", failure.message));
                }
                (Plug::Now, Ok(())) => {
                    vm.pending.remove(&key);
                    self.plug(vmid, &mut vm, &key, value, log);
                }
                (Plug::Later, _) => {}
                (Plug::Problem(problem), _) => {
                    problems.insert(key, format!("hotplug problem - {problem}"));
                }
            }
        }
        self.store_vm(vmid, vm);
        problems
    }

    fn plug(&mut self, vmid: u32, vm: &mut Vm, key: &str, value: String, log: &mut Vec<String>) {
        let old = vm.get(key).map(str::to_owned);
        if drive::is_drive_key(key) {
            let new_file = Drive::parse(&value).map(|drive| drive.file);
            if let Some(old) =
                old.as_deref().and_then(Drive::parse).filter(|old| Some(&old.file) != new_file.as_ref())
            {
                self.retire(vmid, vm, &old, log);
            }
        } else if drive::is_indexed(key, "net", 32)
            && old.is_none()
            && let Some(process) = &mut vm.process
        {
            process.hotplugged.push(key.to_owned());
        }
        vm.set(key, value);
    }

    /// Takes an option out of the configuration; a drive's volume is kept unless `force` frees it.
    fn drop_option(&mut self, vmid: u32, vm: &mut Vm, key: &str, force: bool, log: &mut Vec<String>) {
        let Some(value) = vm.config.remove(key) else { return };
        if let Some(process) = &mut vm.process {
            process.hotplugged.retain(|plugged| plugged != key);
        }
        if let Some(old) = Drive::parse(&value).filter(|_| drive::is_drive_key(key)) {
            if force && old.is_disk() {
                if let Err(failure) = self.free_owned(vmid, vm, &old.file) {
                    log.push(failure.message.trim_end().to_owned());
                }
            } else {
                self.retire(vmid, vm, &old, log);
            }
        }
    }

    /// What becomes of a volume that leaves its slot: one of the VM's own is kept as `unusedN`, a generated
    /// cloud-init drive is freed, anything else is just no longer named.
    pub fn retire(&mut self, vmid: u32, vm: &mut Vm, old: &Drive, log: &mut Vec<String>) {
        if old.is_cloudinit() {
            if let Some(id) = VolumeId::parse(&old.file)
                && let Err(failure) = self.free(&vm.node, &id)
            {
                log.push(failure.message.trim_end().to_owned());
            }
            vm.cloudinit.clear();
        } else if old.is_disk() && self.volume_owner(&old.file) == Some(vmid) {
            vm.add_unused(&old.file);
        }
    }

    /// Frees a volume of the VM's own that nothing else in its configuration names.
    pub fn free_owned(&mut self, vmid: u32, vm: &Vm, volume: &str) -> Result<(), Failure> {
        let Some(id) = VolumeId::parse(volume).filter(|_| self.volume_owner(volume) == Some(vmid)) else {
            return Ok(());
        };
        if vm.uses_volume(volume) {
            return Err(Failure::died(format!(
                "unable to delete '{volume}' - volume is still in use (snapshot?)"
            )));
        }
        self.free(&vm.node, &id)
    }
}

/// Lists every option with its value in force, its pending value and its pending removal.
pub fn list(vm: &Vm) -> Vec<serde_json::Value> {
    use serde_json::{Value, json};
    let shown = |key: &str, value: &str| -> Value {
        if key == "cipassword" { MASK.into() } else { options::to_json(key, value) }
    };
    let mut items: Vec<Value> = vm
        .config
        .iter()
        .map(|(key, value)| {
            let mut item = json!({"key": key, "value": shown(key, value)});
            if let Some(pending) = vm.pending.get(key) {
                item["pending"] = shown(key, pending);
            }
            if let Some(force) = vm.pending_delete.get(key) {
                item["delete"] = Value::from(if *force { 2 } else { 1 });
            }
            item
        })
        .collect();
    items.extend(
        vm.pending
            .iter()
            .filter(|(key, _)| !vm.config.contains_key(*key))
            .map(|(key, value)| json!({"key": key, "pending": shown(key, value)})),
    );
    items.push(json!({"key": "digest", "value": vm.digest()}));
    items
}
