//! What high availability means for a VM: who manages it, and that its state is asked for instead of set.

use std::time::{Duration, Instant};

use super::guard::lock_file;
use super::vm::Options;
use crate::pve::permissions::Principal;
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};

/// Id of a VM's HA resource.
fn sid(vmid: u32) -> String {
    format!("vm:{vmid}")
}

impl Lab {
    /// Whether the VM is an HA resource.
    pub fn is_managed(&self, vmid: u32) -> bool {
        self.ha_resources.contains_key(&sid(vmid))
    }

    /// State that HA is asked to keep the VM in; `ignored` ones are left alone.
    pub fn requested_state(&self, vmid: u32) -> Option<&str> {
        let resource = self.ha_resources.get(&sid(vmid))?;
        Some(resource.get("state").map_or("started", String::as_str)).filter(|state| *state != "ignored")
    }

    /// The part of a VM's status that HA fills.
    pub fn ha_of(&self, vmid: u32) -> serde_json::Value {
        let asked = self.stopping_guests.get(&vmid).is_some_and(|end| Instant::now() < *end);
        match self.requested_state(vmid) {
            Some("stopped") if asked => serde_json::json!({"managed": 1, "state": "request_stop"}),
            Some(state) => serde_json::json!({"managed": 1, "state": state}),
            None => serde_json::json!({"managed": 0}),
        }
    }

    /// Makes the VM an HA resource.
    pub fn manage_guest(&mut self, vmid: u32, state: &str) {
        let resource = Options::from([("state".to_owned(), state.to_owned())]);
        self.ha_resources.insert(sid(vmid), resource);
    }

    /// Takes the VM out of everything that refers to it; tells whether it was an HA resource.
    pub fn purge_guest(&mut self, vmid: u32) -> bool {
        self.drop_from_backup_jobs(vmid);
        self.drop_from_replication(vmid);
        self.drop_from_ha_rules(&sid(vmid));
        self.ha_resources.remove(&sid(vmid)).is_some()
    }

    /// The task that asks HA for another state instead of acting itself.
    pub fn ask_manager(&self, vmid: u32, state: &'static str) -> Plan {
        let (kind, verb) = if state == "started" { ("hastart", "start") } else { ("hastop", "stop") };
        let time = self.usual_task_time();
        Plan::new(kind, vmid.to_string(), time, move |lab, upid| {
            lab.tasks.log(upid, format!("Requesting HA {verb} for VM {vmid}"));
            if let Some(resource) = lab.ha_resources.get_mut(&sid(vmid)) {
                resource.insert("state".to_owned(), state.to_owned());
            }
            if state == "stopped" {
                let end = Instant::now() + lab.usual_task_time() * 10;
                lab.stopping_guests.retain(|_, end| *end > Instant::now());
                lab.stopping_guests.insert(vmid, end);
            }
            lab.follow_manager(vmid);
            Progress::Done
        })
    }

    /// Brings the VM into the state that is asked for, as the local resource manager does a little later.
    pub fn follow_manager(&mut self, vmid: u32) {
        let wanted = self.requested_state(vmid).map(|state| state == "started");
        let running = self.vms.get(&vmid).is_some_and(super::vm::Vm::is_running);
        let (Some(wanted), Some(node)) = (wanted, self.vms.get(&vmid).map(|vm| vm.node.clone())) else {
            return;
        };
        if wanted == running {
            return;
        }
        let plan = if wanted {
            super::power::start_plan(self, &node, vmid, false)
        } else {
            super::power::stop_plan(self, &node, vmid, false)
        };
        let plan = Plan { after: Duration::ZERO, ..plan };
        let root = "root@pam".to_owned();
        if wanted || self.file_locks.contains_key(&lock_file(vmid)) {
            self.start_task(&node, &root, plan);
        } else {
            // Who asks next finds it stopped, however busy the machine is.
            self.play(&node, &Principal(root), plan);
        }
    }
}
