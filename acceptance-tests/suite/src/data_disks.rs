//! A data disk and a machine that uses it, applied again and again, and judged by what the lab has after each.

mod contents;
mod judge;

use std::sync::Arc;
use std::time::Duration;

use core_emulator::{Action, Applied, Core, Failure, Plugin, State};
use serde_json::{Value, json};

use crate::Lab;
use crate::plugin::{configured, configured_as};
use crate::process::signal;

/// Type of the disk.
pub const DISK: &str = "homelab_pve_data_disk";
/// Type of the machine.
pub const VM: &str = "homelab_pve_vm";

/// A lab with a disk, maybe attached to a machine.
pub struct World {
    /// The lab.
    pub lab: Arc<Lab>,
    /// The disk's configuration.
    pub disk_config: Value,
    /// The disk's state.
    pub disk: Option<State>,
    /// The machine's state.
    pub vm: Option<State>,
    /// The token that applies are made with, instead of the lab's own.
    pub api_token: Option<String>,
}

/// A world at one moment, to go back to, also in another lab.
#[derive(Clone)]
pub struct Saved {
    lab: Value,
    disk: Option<State>,
    vm: Option<State>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    /// Whether everything was applied.
    pub worked: bool,
    /// What was said.
    pub said: String,
    /// Whether anything was to be done.
    pub changed: bool,
}

/// A machine without a disk of its own, which the tests give to the disk.
#[must_use]
pub fn machine(vm_id: u64, slot: Option<&str>) -> Value {
    let mut config = json!({
        "node_name": "pve1", "name": "user", "vm_id": vm_id, "scsi_hardware": "virtio-scsi-single",
        "shutdown_timeout_seconds": 1, "disks": { "scsi0": { "storage_name": "shared", "size_gib": 1 } },
    });
    if let Some(slot) = slot {
        config["data_disks"] = json!({ slot: "" });
    }
    config
}

async fn end(plugin: &mut Plugin) {
    // One that was killed hears nothing any more.
    let _ = plugin.shut_down().await;
    let _ = plugin.ended(Duration::from_secs(5)).await;
}

impl World {
    /// A lab with the pools and jobs of the tiers, a pool `web`, and a disk that is not made yet.
    #[must_use]
    pub fn new(ownership: &str, tier: &str) -> Self {
        Self::with(&["--task-time", "1"], ownership, tier)
    }

    /// The same in a lab with further arguments.
    #[must_use]
    pub fn with(arguments: &[&str], ownership: &str, tier: &str) -> Self {
        let lab = Lab::with(arguments);
        for pool in ["tier-1", "tier-2", "tier-3", "tier-4", "web"] {
            lab.request("POST", "/api2/json/pools", Some(&json!({ "poolid": pool }).to_string()));
        }
        for tier in ["1", "3"] {
            let job = json!({
                "id": format!("t{tier}"), "pool": format!("tier-{tier}"), "storage": "shared",
                "schedule": format!("{tier}:00"),
            });
            lab.request("POST", "/api2/json/cluster/backup", Some(&job.to_string()));
        }
        let disk_config = json!({
            "name": "pg", "node_name": "pve1", "storage_name": "shared", "size_gib": 2, "backup_tier": tier,
            "deletion_protection": false, "ownership": ownership,
        });
        Self { lab: Arc::new(lab), disk_config, disk: None, vm: None, api_token: None }
    }

    /// The world as it is.
    #[must_use]
    pub fn save(&self) -> Saved {
        Saved { lab: self.lab.state(), disk: self.disk.clone(), vm: self.vm.clone() }
    }

    /// Goes back to a moment.
    pub fn restore(&mut self, saved: &Saved) {
        self.lab.restore(&saved.lab);
        self.disk.clone_from(&saved.disk);
        self.vm.clone_from(&saved.vm);
    }

    /// One apply of both, with a disk that stays.
    pub async fn apply(&mut self, vm: Option<&Value>) -> Run {
        let (mut plugin, core) = match &self.api_token {
            Some(token) => configured_as(&self.lab, token).await,
            None => configured(&self.lab).await,
        };
        let run = self.both(&core, vm).await;
        end(&mut plugin).await;
        run
    }

    /// The same, with the plugin killed once a planted fault has struck.
    pub async fn apply_killed(&mut self, vm: Option<&Value>) -> Run {
        let (mut plugin, core) = configured(&self.lab).await;
        let id = plugin.id();
        let lab = self.lab.clone();
        let run = {
            let mut run = std::pin::pin!(self.both(&core, vm));
            loop {
                tokio::select! {
                    done = &mut run => break done,
                    () = tokio::time::sleep(Duration::from_millis(5)) => {}
                }
                if lab.struck() > 0 {
                    signal(id, "KILL");
                    break run.await;
                }
            }
        };
        end(&mut plugin).await;
        run
    }

    async fn both(&mut self, core: &Core, vm: Option<&Value>) -> Run {
        let mut run = Run { worked: true, said: String::new(), changed: false };
        for state in [&mut self.disk, &mut self.vm] {
            let Some(known) = state.as_ref() else { continue };
            match core.refresh(known).await {
                Ok(found) => *state = found,
                Err(failure) => run.fail(&failure),
            }
        }
        if !run.worked {
            return run;
        }
        if vm.is_none() {
            self.vm = run.one(core, VM, self.vm.take(), None).await;
        }
        let disk_config = self.disk_config.clone();
        self.disk = run.one(core, DISK, self.disk.take(), Some(&disk_config)).await;
        let Some(vm) = vm.filter(|_| run.worked) else { return run };
        let config = self.with_id(vm);
        self.vm = run.one(core, VM, self.vm.take(), Some(&config)).await;
        run
    }

    /// The machine's configuration with the ID of the disk.
    fn with_id(&self, vm: &Value) -> Value {
        let mut config = vm.clone();
        let id = self.disk.as_ref().map(|disk| disk.value.to_json()["id"].clone()).unwrap_or_default();
        for slot in config["data_disks"].as_object_mut().into_iter().flat_map(|slots| slots.values_mut()) {
            *slot = id.clone();
        }
        config
    }

    /// Applies until it works, which must not take long.
    pub async fn converge(&mut self, vm: Option<&Value>, story: &str) {
        let mut said = String::new();
        for _ in 0..3 {
            let run = self.apply(vm).await;
            self.check_always(story);
            if run.worked {
                let again = self.apply(vm).await;
                assert!(again.worked && !again.changed, "{story}: the next plan is empty: {}", again.said);
                self.check(vm, story);
                return;
            }
            said = run.said;
        }
        panic!("{story}: 3 more applies did not converge: {said}\n{}", self.lab.state()["vms"]);
    }

    /// Destroys the disk.
    pub async fn destroy_disk(&mut self) -> Run {
        let (mut plugin, core) = configured(&self.lab).await;
        let mut run = Run { worked: true, said: String::new(), changed: false };
        self.disk = run.one(&core, DISK, self.disk.take(), None).await;
        end(&mut plugin).await;
        run
    }

    /// The configuration of a guest.
    #[must_use]
    pub fn guest(&self, id: u64) -> Value {
        self.lab.state()["vms"][id.to_string()]["config"].clone()
    }

    /// The number of the holder.
    #[must_use]
    pub fn holder(&self) -> u64 {
        self.value()["holder_vm_id"].as_u64().unwrap_or_else(|| {
            self.value()["holder_vm_id"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .expect("there is a holder")
        })
    }

    /// The disk's state as JSON.
    #[must_use]
    pub fn value(&self) -> Value {
        self.disk.as_ref().map(|disk| disk.value.to_json()).expect("there is a disk")
    }
}

impl Run {
    fn fail(&mut self, failure: &Failure) {
        assert!(!matches!(failure, Failure::Rule(_)), "a rule of the protocol is broken: {failure:?}");
        self.worked = false;
        self.said.push_str(&format!("{failure:?}\n"));
    }

    fn take(&mut self, applied: Result<Applied, Failure>, before: Option<State>) -> Option<State> {
        match applied {
            Ok(applied) => {
                self.worked &= !applied.messages.iter().any(|message| message.is_error);
                self.said.push_str(&format!("{:?}\n", applied.messages));
                applied.state
            }
            Err(failure) => {
                self.fail(&failure);
                before
            }
        }
    }

    /// Plans and applies one resource.
    async fn one(
        &mut self,
        core: &Core,
        kind: &str,
        state: Option<State>,
        config: Option<&Value>,
    ) -> Option<State> {
        let mut before = state;
        let doomed = before.as_ref().filter(|state| config.is_none() || state.tainted).cloned();
        if let Some(doomed) = doomed {
            self.changed = true;
            let applied = match core.plan_destroy(&doomed).await {
                Ok(plan) => core.apply(&plan, &Value::Null).await,
                Err(failure) => Err(failure),
            };
            before = self.take(applied, before);
            if before.is_some() {
                self.worked = false;
                return before;
            }
        }
        let config = config?;
        let plan = match core.plan(kind, before.as_ref(), config).await {
            Ok(plan) => plan,
            Err(failure) => {
                self.fail(&failure);
                return before;
            }
        };
        self.changed |= plan.action != Action::NoOp;
        if plan.action != Action::NoOp {
            self.said.push_str(&format!("{kind}: {:?}, {:?}\n", plan.action, plan.warnings));
        }
        let applied = core.apply(&plan, config).await;
        self.take(applied, before)
    }
}
