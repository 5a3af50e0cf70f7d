//! One change of a VM's configuration: checked first, then made pending, then applied as far as possible.

use std::collections::BTreeSet;

use super::disks::{self, Owner};
use super::drive::{self, Drive};
use super::network::Network;
use super::permission::{Actor, is_passed_through};
use super::vm::{Options, Vm};
use super::{boot, normal, options};
use crate::pve::answer::Failure;
use crate::pve::handlers::Request;
use crate::pve::permissions::Principal;
use crate::pve::state::Lab;

/// Parameters of the call that are no options.
const OTHERS: [&str; 9] = [
    "node",
    "vmid",
    "delete",
    "revert",
    "force",
    "digest",
    "skiplock",
    "background_delay",
    "import-working-storage",
];

/// A change that somebody may make.
#[derive(Debug, Clone)]
pub struct Change {
    node: String,
    vmid: u32,
    who: Principal,
    set: Options,
    delete: Vec<String>,
    revert: Vec<String>,
    force: bool,
    skip_lock: bool,
    digest: Option<String>,
    summary: String,
}

impl Change {
    /// Reads a change from a call's parameters and checks everything that can be without the configuration.
    pub fn checked(lab: &Lab, request: &Request) -> Result<Self, Failure> {
        let params = &request.params;
        let mut set = super::config::options_of(request, &OTHERS);
        let skip_lock = params.is_set("skiplock");
        if skip_lock && !request.who.is_root() {
            return Err(Failure::parameter("skiplock", "Only root may use this option."));
        }
        let listed = |name: &str| params.list(name).unwrap_or_default();
        let (delete, revert) = (listed("delete"), listed("revert"));
        normal::check_ssh_keys(&set)?;
        // JSON null counts as given and changes nothing.
        let given = params.0.keys().any(|key| !OTHERS.contains(&key.as_str()));
        if delete.is_empty() && revert.is_empty() && !given {
            return Err(Failure::died("no options specified"));
        }
        normal::resolve_cdrom_alias(&mut set)?;
        let delete: Vec<String> =
            delete.into_iter().map(|key| if key == "cdrom" { "ide2".to_owned() } else { key }).collect();
        check_names(&set, &delete, &revert)?;
        disks::check(&set)?;
        super::cpu_models::check(lab, &set)?;
        let mut change = Self {
            node: request.node().to_owned(),
            vmid: request.vmid(),
            who: request.who.clone(),
            summary: summary(request.vmid(), params.texts()),
            set,
            delete,
            revert,
            force: params.is_set("force"),
            skip_lock,
            digest: params.text("digest").map(str::to_owned),
        };
        change.normalise(lab)?;
        change.require_permissions(lab)?;
        Ok(change)
    }

    /// The removal of some options.
    pub fn removal(lab: &Lab, request: &Request, slots: BTreeSet<String>) -> Result<Self, Failure> {
        let delete: Vec<String> = slots.into_iter().collect();
        check_names(&Options::new(), &delete, &[])?;
        let change = Self {
            node: request.node().to_owned(),
            vmid: request.vmid(),
            who: request.who.clone(),
            set: Options::new(),
            delete,
            revert: Vec::new(),
            force: request.params.is_set("force"),
            skip_lock: false,
            digest: None,
            summary: String::new(),
        };
        change.require_permissions(lab)?;
        Ok(change)
    }

    /// The change in a line, as it heads the log of its task.
    pub fn summary(&self) -> String {
        self.summary.clone()
    }

    /// Refuses if the VM is gone, locked, or not as the caller read it.
    pub fn require_current(&self, lab: &Lab) -> Result<(), Failure> {
        let vm = lab.vm(&self.node, self.vmid)?;
        vm.require_digest(self.digest.as_deref())?;
        if !self.skip_lock {
            vm.require_no_lock()?;
        }
        let pending_or = |key: &str| vm.pending.get(key).or_else(|| vm.config.get(key)).map(String::as_str);
        if self.set.contains_key("memory") || self.set.contains_key("balloon") {
            let memory =
                options::memory_mib(self.set.get("memory").map(String::as_str).or(pending_or("memory")));
            let balloon = self.set.get("balloon").map(String::as_str).or(pending_or("balloon"));
            if balloon.and_then(|text| text.parse::<u64>().ok()).is_some_and(|balloon| balloon > memory) {
                return Err(Failure::died("balloon value too large (must be smaller than assigned memory)"));
            }
        }
        Ok(())
    }

    /// Makes the change.
    pub fn apply(&self, lab: &mut Lab, log: &mut Vec<String>) -> Result<(), Failure> {
        let mut set = self.set.clone();
        let mut delete = self.delete.clone();
        {
            let vm = lab.vm(&self.node, self.vmid)?;
            for key in &self.revert {
                match vm.get(key) {
                    Some(value) => drop(set.insert(key.clone(), value.to_owned())),
                    None if vm.pending.contains_key(key) => delete.push(key.clone()),
                    None => {}
                }
            }
        }
        let mut order = lab.vm(&self.node, self.vmid)?.get("boot").and_then(boot::order);
        for key in &delete {
            self.delete_one(lab, key, &mut order, log)?;
        }
        for (key, value) in &set {
            self.set_one(lab, key, value, &set, &mut order, log)?;
        }
        lab.change_vm(self.vmid, Vm::tidy_pending);
        let vm = lab.vm(&self.node, self.vmid)?;
        if vm.pending.is_empty() && vm.pending_delete.is_empty() {
            return Ok(());
        }
        if vm.is_running() {
            let mut touched: BTreeSet<String> = set.keys().chain(&delete).cloned().collect();
            touched.insert("boot".to_owned());
            let problems = lab.apply_running(self.vmid, &touched, log);
            if !problems.is_empty() {
                return Err(Failure::parameters(problems));
            }
        } else {
            lab.apply_stopped(self.vmid, log);
        }
        Ok(())
    }

    fn delete_one(
        &self,
        lab: &mut Lab,
        key: &str,
        order: &mut Option<Vec<String>>,
        log: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let mut vm = lab.vm(&self.node, self.vmid)?.clone();
        let Some(value) = vm.get(key).map(str::to_owned).or_else(|| vm.pending.get(key).cloned()) else {
            log.push(format!("cannot delete '{key}' - not set in current configuration!"));
            return Ok(());
        };
        let was_pending = vm.pending.remove(key);
        if let Some(devices) = order.as_mut().filter(|devices| devices.iter().any(|device| device == key)) {
            devices.retain(|device| device != key);
            vm.pending.insert("boot".to_owned(), boot::print(devices));
        }
        if drive::is_unused_key(key) {
            vm.require_unprotected(&format!("can't remove unused disk '{value}'"))?;
            // The entry is gone before the check for other uses, and back if that fails.
            vm.config.remove(key);
            lab.free_owned(self.vmid, &vm, &value).or_else(|failure| forgive_missing(failure, log))?;
        } else {
            if drive::is_drive_key(key) {
                vm.require_unprotected(&format!("can't remove drive '{key}'"))?;
                if let Some(drive) = was_pending.as_deref().and_then(Drive::parse) {
                    lab.retire(self.vmid, &mut vm, &drive, log);
                }
            }
            vm.pending_delete.insert(key.to_owned(), self.force);
        }
        lab.store_vm(self.vmid, vm);
        Ok(())
    }

    fn set_one(
        &self,
        lab: &mut Lab,
        key: &str,
        value: &str,
        all: &Options,
        order: &mut Option<Vec<String>>,
        log: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let vm = lab.vm(&self.node, self.vmid)?;
        if vm.pending.get(key).is_some_and(|pending| pending == value) {
            return Ok(());
        }
        let mut value = value.to_owned();
        let replaced = vm.pending.get(key).and_then(|text| Drive::parse(text));
        if drive::is_drive_key(key) {
            let owner = Owner { node: &self.node, vmid: self.vmid, is_template: vm.is_template() };
            let made = lab.create_disks(owner, &[(key.to_owned(), value.clone())].into(), log)?;
            value = made.get(key).cloned().unwrap_or(value);
        } else if key == "boot" {
            self.check_boot(vm, &value, all)?;
        }
        let mut vm = lab.vm(&self.node, self.vmid)?.clone();
        if drive::is_drive_key(key) {
            if let Some(replaced) = replaced {
                lab.retire(self.vmid, &mut vm, &replaced, log);
            }
            let is_cdrom = Drive::parse(&value).is_some_and(|drive| drive.is_cdrom());
            if let Some(devices) =
                order.as_mut().filter(|devices| is_cdrom && !devices.iter().any(|d| d == key))
            {
                devices.push(key.to_owned());
                vm.pending.insert("boot".to_owned(), boot::print(devices));
            }
        }
        vm.pending.insert(key.to_owned(), value);
        vm.pending_delete.remove(key);
        lab.store_vm(self.vmid, vm);
        Ok(())
    }

    fn check_boot(&self, vm: &Vm, value: &str, all: &Options) -> Result<(), Failure> {
        for device in boot::order(value).unwrap_or_default() {
            let exists = vm.config.contains_key(&device)
                || vm.pending.contains_key(&device)
                || all.contains_key(&device);
            if !exists || self.delete.contains(&device) {
                return Err(Failure::died(format!("invalid bootorder: device '{device}' does not exist'")));
            }
        }
        Ok(())
    }

    /// Puts values into the shape in which they are stored.
    fn normalise(&mut self, lab: &Lab) -> Result<(), Failure> {
        if let Some(password) = self.set.get_mut("cipassword") {
            *password = normal::hashed_password(password);
        }
        normal::check_hookscript(lab, &self.node, &self.set)?;
        let prefix = lab.mac_prefix();
        for (key, value) in &mut self.set {
            if let Some(network) = Network::parse(value).filter(|_| drive::is_indexed(key, "net", 32)) {
                *value = network.with_mac(&prefix).to_string();
            } else {
                *value = normal::stored(key, value);
            }
        }
        Ok(())
    }

    fn require_permissions(&self, lab: &Lab) -> Result<(), Failure> {
        let actor = Actor { who: &self.who, vmid: self.vmid, pool: None };
        let vm = lab.vms.get(&self.vmid);
        let value_of = |key: &str| vm.and_then(|vm| vm.get(key)).unwrap_or_default().to_owned();
        for key in &self.delete {
            let value = value_of(key);
            let matters =
                key == "lock" || key == "args" || drive::is_drive_key(key) || is_passed_through(key);
            lab.require_options(&actor, [(key.as_str(), if matters { value.as_str() } else { "" })])?;
        }
        // Whoever replaces a device has to be allowed to let go of the old one.
        for key in self.set.keys().filter(|key| is_passed_through(key)) {
            lab.require_options(&actor, [(key.as_str(), value_of(key).as_str())])?;
        }
        lab.require_options(&actor, self.set.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
        lab.require_volumes(&actor, &self.set)?;
        lab.require_bridges(&self.who, &self.set)
    }
}

fn check_names(set: &Options, delete: &[String], revert: &[String]) -> Result<(), Failure> {
    for key in revert {
        if !options::exists(key) {
            return Err(Failure::parameter("revert", format!("unknown option '{key}'")));
        }
        if set.contains_key(key) {
            let message = format!("you can't use '-{key}' and '-revert {key}' at the same time");
            return Err(Failure::parameter("revert", message));
        }
    }
    for key in delete {
        if set.contains_key(key) {
            let message = format!("you can't use '-{key}' and -delete {key}' at the same time");
            return Err(Failure::parameter("delete", message));
        }
        if !options::exists(key) {
            return Err(Failure::parameter("delete", format!("unknown option '{key}'")));
        }
    }
    Ok(())
}

/// Freeing what is gone already does not keep the entry alive.
fn forgive_missing(failure: Failure, log: &mut Vec<String>) -> Result<(), Failure> {
    if failure.message.ends_with("does not exist\n") {
        log.push(failure.message.trim_end().to_owned());
        return Ok(());
    }
    Err(failure)
}

fn summary<'a>(vmid: u32, params: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = format!("update VM {vmid}:");
    for (key, value) in params.filter(|(key, _)| !matches!(*key, "node" | "vmid" | "digest" | "skiplock")) {
        let value = if key == "cipassword" { "<hidden>" } else { value };
        text.push_str(&format!(" -{key} {value}"));
    }
    text
}
