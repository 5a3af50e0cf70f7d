//! What is on a data disk: written through the machine that has it on a bus, and found again wherever it is.

use serde_json::Value;

use super::World;

impl World {
    /// The machine that has the disk on a bus, the slot, and the volume.
    #[must_use]
    pub fn bus(&self) -> Option<(u64, String, String)> {
        let disk = self.disk.as_ref()?.value.to_json();
        let serial = format!("serial={}", disk["serial"].as_str()?);
        let state = self.lab.state();
        for (id, vm) in state["vms"].as_object()? {
            for (slot, value) in vm["config"].as_object()? {
                let options = value.as_str().unwrap_or_default();
                if options.split(',').any(|option| option == serial) {
                    let volume = options.split(',').next().unwrap_or_default();
                    return Some((id.parse().ok()?, slot.clone(), volume.to_owned()));
                }
            }
        }
        None
    }

    /// Writes on the disk as the guest of its machine would; says whether a machine has it.
    #[must_use]
    pub fn write(&self, contents: &str) -> bool {
        match self.bus() {
            Some((id, slot, _)) if id != self.holder() => {
                self.lab.write_disk(id, &slot, contents);
                true
            }
            _ => false,
        }
    }

    /// What is on the volume that is on a bus.
    #[must_use]
    pub fn contents(&self) -> Option<String> {
        let (_, _, volume) = self.bus()?;
        let state = self.lab.state();
        let end = format!("/{volume}");
        let mut volumes = state["volumes"].as_object()?.iter();
        let (_, found): (_, &Value) = volumes.find(|(key, _)| key.ends_with(&end))?;
        Some(found["contents"].as_str()?.to_owned())
    }
}
