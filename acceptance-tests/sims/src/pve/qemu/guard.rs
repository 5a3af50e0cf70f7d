//! What is checked before a VM is touched: that it exists here, is not locked, unchanged, unprotected.

use std::time::Duration;

use super::vm::Vm;
use crate::pve::answer::{Busy, Failure};
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};
use crate::pve::upid::Upid;

/// How long a synchronous call waits for the lock file of a configuration.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long create, clone and snapshot tasks wait for it.
pub const SHORT_PATIENCE: Duration = Duration::from_secs(1);

/// Lock file of a VM's configuration.
pub fn lock_file(vmid: u32) -> String {
    format!("/var/lock/qemu-server/lock-{vmid}.conf")
}

impl Lab {
    /// The VM, if its configuration lies on this node.
    pub fn vm(&self, node: &str, vmid: u32) -> Result<&Vm, Failure> {
        self.vms.get(&vmid).filter(|vm| vm.node == node).ok_or_else(|| {
            Failure::died(format!("Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist"))
        })
    }

    /// Fails as calls do that look for the VM on all nodes first.
    pub fn vm_on_node(&self, node: &str, vmid: u32) -> Result<&Vm, Failure> {
        self.vm(node, vmid).map_err(|_| {
            Failure::died(format!("unable to find configuration file for VM {vmid} on node '{node}'"))
        })
    }

    /// Writes a VM's configuration.
    pub fn store_vm(&mut self, vmid: u32, mut vm: Vm) {
        vm.tidy();
        self.vms.insert(vmid, vm);
    }

    /// Changes a VM in place, if it is there, as one write of its file.
    pub fn change_vm(&mut self, vmid: u32, change: impl FnOnce(&mut Vm)) {
        if let Some(vm) = self.vms.get_mut(&vmid) {
            change(vm);
            vm.tidy();
        }
    }

    /// Refuses while somebody holds the lock file of the configuration.
    pub fn require_unlocked_file(&self, vmid: u32) -> Result<(), Failure> {
        let path = lock_file(vmid);
        if self.file_locks.contains_key(&path) { Err(Failure::busy(path, PATIENCE)) } else { Ok(()) }
    }
}

impl Vm {
    /// Refuses while the configuration carries a lock.
    pub fn require_no_lock(&self) -> Result<(), Failure> {
        match self.get("lock") {
            Some(lock) => Err(Failure::died(format!("VM is locked ({lock})"))),
            None => Ok(()),
        }
    }

    /// Refuses while `protection` is on.
    pub fn require_unprotected(&self, what: &str) -> Result<(), Failure> {
        if self.is_on("protection") {
            return Err(Failure::died(format!("{what} - protection mode enabled")));
        }
        Ok(())
    }

    /// Refuses if the configuration is not the one that the caller read.
    pub fn require_digest(&self, digest: Option<&str>) -> Result<(), Failure> {
        match digest {
            Some(given) if !given.is_empty() && given != self.digest() => {
                Err(Failure::died("checksum mismatch (file change by other user?)"))
            }
            _ => Ok(()),
        }
    }
}

/// A step that ends well, or fails in the words of the failure.
pub fn outcome(result: Result<(), Failure>) -> Progress {
    match result {
        Ok(()) => Progress::Done,
        Err(failure) => Progress::Failed(failure_text(&failure)),
    }
}

/// A failure as a task tells it: the message, then the parameters at fault.
pub fn failure_text(failure: &Failure) -> String {
    let mut text = failure.message.clone();
    for (name, message) in &failure.errors {
        text.push_str(&format!("{name}: {}\n", message.trim_end()));
    }
    text
}

/// A task that works while it holds lock files.
pub struct LockedTask<C, W> {
    kind: &'static str,
    id: String,
    exclusive: Vec<u32>,
    shared: Vec<u32>,
    patience: Duration,
    time: Duration,
    check: C,
    work: W,
}

impl<C, W> LockedTask<C, W>
where
    C: FnOnce(&mut Lab, &Upid) -> Result<(), Failure> + Send + 'static,
    W: FnOnce(&mut Lab, &Upid) -> Result<(), Failure> + Send + 'static,
{
    /// A task about one VM: `check` looks whether the work can be done, `work` does it after `time`.
    pub fn new(kind: &'static str, vmid: u32, time: Duration, check: C, work: W) -> Self {
        let id = vmid.to_string();
        Self { kind, id, exclusive: vec![vmid], shared: Vec::new(), patience: PATIENCE, time, check, work }
    }

    /// Gives up early when a lock file is held.
    #[must_use]
    pub fn impatient(self) -> Self {
        Self { patience: SHORT_PATIENCE, ..self }
    }

    /// Holds the lock files of these VMs instead; several tasks may share the one of a VM that is only read.
    #[must_use]
    pub fn locking(self, exclusive: Vec<u32>, shared: Vec<u32>) -> Self {
        Self { exclusive, shared, ..self }
    }

    /// Names something else than the VM in the task's id.
    #[must_use]
    pub fn about(self, id: String) -> Self {
        Self { id, ..self }
    }

    /// The plan of the task.
    pub fn plan(self) -> Plan {
        let (kind, id) = (self.kind, self.id.clone());
        let (exclusive, shared) = (self.exclusive.clone(), self.shared.clone());
        Plan::new(kind, id, Duration::ZERO, move |lab, upid| self.begin(lab, upid))
            .or(move |lab, upid| release(lab, upid, &exclusive, &shared))
    }

    fn begin(self, lab: &mut Lab, upid: &Upid) -> Progress {
        let taken = |vmid: &u32| lab.file_locks.get(&lock_file(*vmid));
        let busy = self.exclusive.iter().find(|vmid| taken(vmid).is_some()).or_else(|| {
            self.shared.iter().find(|vmid| taken(vmid).is_some_and(|holder| readers(holder).is_none()))
        });
        if let Some(vmid) = busy {
            let (path, limit) = (lock_file(*vmid), self.patience);
            return Progress::Waiting(Busy { path, limit }, Box::new(move |lab, upid| self.begin(lab, upid)));
        }
        if let Err(failure) = (self.check)(lab, upid) {
            return Progress::Failed(failure_text(&failure));
        }
        for vmid in &self.exclusive {
            lab.file_locks.insert(lock_file(*vmid), upid.to_string());
        }
        for vmid in &self.shared {
            let holder = lab.file_locks.entry(lock_file(*vmid)).or_default();
            *holder = shared_by(readers(holder).unwrap_or_default() + 1);
        }
        let (exclusive, shared, work) = (self.exclusive, self.shared, self.work);
        let finish = move |lab: &mut Lab, upid: &Upid| {
            release(lab, upid, &exclusive, &shared);
            outcome(work(lab, upid))
        };
        Progress::Then(self.time, Box::new(finish))
    }
}

/// Gives lock files back; those that the task did not come to take stay as they are.
pub fn release(lab: &mut Lab, upid: &Upid, exclusive: &[u32], shared: &[u32]) {
    let holder = upid.to_string();
    let mut held = false;
    for vmid in exclusive {
        let path = lock_file(*vmid);
        if lab.file_locks.get(&path) == Some(&holder) {
            lab.file_locks.remove(&path);
            held = true;
        }
    }
    for path in shared.iter().filter(|_| held).map(|vmid| lock_file(*vmid)) {
        match lab.file_locks.get(&path).and_then(|holder| readers(holder)) {
            Some(count) if count > 1 => drop(lab.file_locks.insert(path, shared_by(count - 1))),
            Some(_) => drop(lab.file_locks.remove(&path)),
            None => {}
        }
    }
}

fn shared_by(count: u32) -> String {
    format!("shared by {count}")
}

fn readers(holder: &str) -> Option<u32> {
    holder.strip_prefix("shared by ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> Lab {
        let mut lab = Lab::default();
        lab.vms.insert(100, Vm::on("pve1"));
        lab
    }

    #[test]
    fn a_vm_is_only_found_on_its_node() {
        let lab = lab();
        assert!(lab.vm("pve1", 100).is_ok());
        let message = "Configuration file 'nodes/pve2/qemu-server/100.conf' does not exist\n";
        assert_eq!(lab.vm("pve2", 100).unwrap_err().message, message);
        assert_eq!(
            lab.vm_on_node("pve2", 100).unwrap_err().message,
            "unable to find configuration file for VM 100 on node 'pve2'\n"
        );
    }

    #[test]
    fn locks_protection_and_digests_are_refused_in_the_services_words() {
        let mut vm = Vm::on("pve1");
        vm.set("lock", "backup");
        vm.set("protection", "1");
        assert_eq!(vm.require_no_lock().unwrap_err().message, "VM is locked (backup)\n");
        assert_eq!(
            vm.require_unprotected("can't remove VM 100").unwrap_err().message,
            "can't remove VM 100 - protection mode enabled\n"
        );
        assert!(vm.require_digest(Some(&vm.digest())).is_ok());
        assert_eq!(
            vm.require_digest(Some("0000")).unwrap_err().message,
            "checksum mismatch (file change by other user?)\n"
        );
    }

    #[test]
    fn a_task_waits_for_a_lock_file_and_gives_it_back() {
        let mut lab = lab();
        let nothing = |_: &mut Lab, _: &Upid| Ok(());
        let task = LockedTask::new("qmsnapshot", 100, Duration::ZERO, nothing, nothing).impatient();
        let plan = task.plan();
        lab.file_locks.insert(lock_file(100), "somebody".to_owned());
        let upid: Upid = "UPID:pve1:00000776:0008CC0B:6B03BBC4:qmsnapshot:100:root@pam:".parse().unwrap();
        let Progress::Waiting(busy, step) = (plan.step)(&mut lab, &upid) else { panic!("it does not wait") };
        assert_eq!((busy.path, busy.limit), (lock_file(100), SHORT_PATIENCE));
        lab.file_locks.clear();
        let Progress::Then(_, step) = step(&mut lab, &upid) else { panic!("it does not begin") };
        assert_eq!(lab.file_locks[&lock_file(100)], upid.to_string());
        assert!(matches!(step(&mut lab, &upid), Progress::Done));
        assert!(lab.file_locks.is_empty());
    }

    #[test]
    fn a_lock_file_may_be_shared_by_readers_but_not_with_a_writer() {
        let mut lab = lab();
        let nothing = |_: &mut Lab, _: &Upid| Ok(());
        let clone = |newid: u32| {
            LockedTask::new("qmclone", 100, Duration::ZERO, nothing, nothing)
                .locking(vec![newid], vec![100])
                .plan()
                .step
        };
        let upid = |pid: u32| {
            format!("UPID:pve1:{pid:08X}:0008CC0B:6B03BBC4:x:100:root@pam:").parse::<Upid>().unwrap()
        };
        let Progress::Then(_, first) = clone(101)(&mut lab, &upid(1)) else { panic!("the first waits") };
        let Progress::Then(_, second) = clone(102)(&mut lab, &upid(2)) else { panic!("the second waits") };
        let writer = LockedTask::new("qmstart", 100, Duration::ZERO, nothing, nothing).plan().step;
        let Progress::Waiting(_, writer) = writer(&mut lab, &upid(3)) else {
            panic!("the writer does not wait")
        };
        assert!(matches!(first(&mut lab, &upid(1)), Progress::Done));
        let Progress::Waiting(_, writer) = writer(&mut lab, &upid(3)) else { panic!("one reader is left") };
        assert!(matches!(second(&mut lab, &upid(2)), Progress::Done));
        assert!(matches!(writer(&mut lab, &upid(3)), Progress::Then(..)));
    }
}
