//! Mappings of PCI devices, USB devices and directories: one name for what each node has.

use std::fmt;

use crate::{Call, Changes, MappingName, Params, Pve, Result, Settings};

/// What a mapping stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MappingKind {
    /// PCI devices.
    Pci,
    /// USB devices.
    Usb,
    /// Directories.
    Dir,
}

impl fmt::Display for MappingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pci => "pci",
            Self::Usb => "usb",
            Self::Dir => "dir",
        })
    }
}

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The name.
    pub name: MappingName,
    /// Everything else, by wire name; `map` is an array of property strings.
    pub settings: Settings,
}

fn path(kind: MappingKind, name: &MappingName) -> String {
    format!("/cluster/mapping/{kind}/{name}")
}

fn create_call(kind: MappingKind, name: &MappingName, settings: &Settings) -> Call {
    Call::post(format!("/cluster/mapping/{kind}")).with(Params::new().set("id", name).and(settings.params()))
}

impl Pve {
    /// The mappings of a kind, by name.
    pub async fn mappings(&self, kind: MappingKind) -> Result<Vec<Mapping>> {
        let rows = self.settings_list(&Call::get(format!("/cluster/mapping/{kind}"))).await?;
        let mapping = |settings: Settings| Some(Mapping { name: settings.parsed("id")?, settings });
        let mut found: Vec<Mapping> = rows.into_iter().filter_map(mapping).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// One mapping.
    pub async fn mapping(&self, kind: MappingKind, name: &MappingName) -> Result<Mapping> {
        Ok(Mapping { name: name.clone(), settings: self.settings(&path(kind, name)).await? })
    }

    /// Creates a mapping. Whether a node has the hardware is not checked.
    pub async fn create_mapping(
        &self,
        kind: MappingKind,
        name: &MappingName,
        settings: &Settings,
    ) -> Result<()> {
        self.send(&create_call(kind, name, settings)).await.map(drop)
    }

    /// Changes a mapping; `map` is replaced as a whole.
    pub async fn change_mapping(
        &self,
        kind: MappingKind,
        name: &MappingName,
        changes: &Changes,
    ) -> Result<()> {
        self.change(&path(kind, name), changes, Params::new()).await
    }

    /// Deletes a mapping; one that is not there is fine.
    pub async fn delete_mapping(&self, kind: MappingKind, name: &MappingName) -> Result<()> {
        self.send(&Call::delete(path(kind, name))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_a_repeated_parameter() {
        let maps = ["id=8086:1521,node=pve1,path=0000:02:00.0", "id=8086:1521,node=pve1,path=0000:02:00.1"];
        let settings = Settings::new().bool("mdev", Some(false)).list("map", maps);
        assert_eq!(
            create_call(MappingKind::Pci, &"nic".parse().unwrap(), &settings).wire(),
            "POST /api2/json/cluster/mapping/pci id=nic\
             &map=id%3D8086%3A1521%2Cnode%3Dpve1%2Cpath%3D0000%3A02%3A00.0\
             &map=id%3D8086%3A1521%2Cnode%3Dpve1%2Cpath%3D0000%3A02%3A00.1&mdev=0"
        );
    }
}
