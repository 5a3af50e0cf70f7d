//! Which privileges it takes to change which option, and to name which volume, bridge or mapping.

use super::drive::{self, Drive, Request};
use super::network::Network;
use super::options::property;
use super::passthrough::mapping_of;
use super::vm::{Options, drives_of};
use crate::pve::answer::Failure;
use crate::pve::content::naming::VolumeId;
use crate::pve::permissions::Principal;
use crate::pve::state::Lab;

const CPU: [&str; 8] = ["cores", "cpu", "cpulimit", "cpuunits", "numa", "smp", "sockets", "vcpus"];

const HARDWARE: [&str; 11] =
    ["acpi", "audio0", "hotplug", "kvm", "machine", "rng0", "scsihw", "smbios1", "tablet", "vga", "watchdog"];

const MEMORY: [&str; 4] = ["allow-ksm", "balloon", "memory", "shares"];

/// Options that only root with a ticket may set, whatever its value.
const ROOT_ONLY: [&str; 12] = [
    "affinity",
    "amd-sev",
    "arch",
    "args",
    "hookscript",
    "hugepages",
    "intel-tdx",
    "ivshmem",
    "keephugepages",
    "lock",
    "spice_enhancements",
    "vmgenid",
];

/// Somebody who acts on a VM that may be about to enter a pool.
pub struct Actor<'a> {
    /// Who it is.
    pub who: &'a Principal,
    /// The VM.
    pub vmid: u32,
    /// Pool whose privileges count as well.
    pub pool: Option<&'a str>,
}

impl Lab {
    /// Refuses unless the actor may set or remove every one of these options.
    pub fn require_options<'a>(
        &self,
        actor: &Actor<'_>,
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Failure> {
        if actor.who.is_root() {
            return Ok(());
        }
        options.into_iter().try_for_each(|(key, value)| self.require_option(actor, key, value))
    }

    fn require_option(&self, actor: &Actor<'_>, key: &str, value: &str) -> Result<(), Failure> {
        let privilege = match key {
            "cdrom" => "VM.Config.CDROM",
            _ if drive::is_drive_key(key) && is_cdrom(value) => "VM.Config.CDROM",
            "tpmstate0" | "vmstatestorage" | "bootdisk" => "VM.Config.Disk",
            _ if drive::is_bus_key(key) || drive::is_unused_key(key) => "VM.Config.Disk",
            _ if CPU.contains(&key) || drive::is_indexed(key, "numa", 8) => "VM.Config.CPU",
            _ if is_passed_through(key) => return self.require_device(actor, key, value),
            "rng0" if property(value, "source", "source") == Some("/dev/hwrng") => {
                self.require_vm(actor, "VM.Config.HWType")?;
                return self.require(actor.who, "/mapping/hwrng", &["Mapping.Use"]);
            }
            _ if HARDWARE.contains(&key) => "VM.Config.HWType",
            _ if MEMORY.contains(&key) => "VM.Config.Memory",
            _ if drive::is_indexed(key, "net", 32) => "VM.Config.Network",
            "nameserver" | "searchdomain" => "VM.Config.Network",
            _ if super::options::is_cloudinit(key) => "VM.Config.Cloudinit",
            "startup" => {
                self.require_vm(actor, "VM.Config.Options")?;
                return self.require(actor.who, "/", &["Sys.Modify"]);
            }
            _ if ROOT_ONLY.contains(&key) => {
                return Err(Failure::died(format!("only root can set '{key}' config")));
            }
            _ => "VM.Config.Options",
        };
        self.require_vm(actor, privilege)
    }

    /// Refuses unless the actor has the privilege on the VM or on the pool.
    pub fn require_vm(&self, actor: &Actor<'_>, privilege: &str) -> Result<(), Failure> {
        if let Some(pool) = actor.pool
            && self.allows(actor.who, &format!("/pool/{pool}"), &[privilege])
        {
            return Ok(());
        }
        self.require(actor.who, &format!("/vms/{}", actor.vmid), &[privilege])
    }

    /// A device by mapping takes the right to use the mapping, and one of the node itself is for root.
    fn require_device(&self, actor: &Actor<'_>, key: &str, value: &str) -> Result<(), Failure> {
        self.require_vm(
            actor,
            if key.starts_with("virtiofs") { "VM.Config.Disk" } else { "VM.Config.HWType" },
        )?;
        if let Some((kind, mapping)) = mapping_of(key, value) {
            return self.require(actor.who, &format!("/mapping/{kind}/{mapping}"), &["Mapping.Use"]);
        }
        let (harmless, kind) = match key.trim_end_matches(|last: char| last.is_ascii_digit()) {
            "serial" => (value == "socket", "real"),
            "usb" => (
                property(value, "host", "host").is_some_and(|host| host.eq_ignore_ascii_case("spice")),
                "real",
            ),
            "hostpci" => (false, "non-mapped"),
            _ => (false, "real"),
        };
        if harmless || value.is_empty() {
            return Ok(());
        }
        Err(Failure::died(format!("only root can set '{key}' config for {kind} devices")))
    }

    /// Refuses unless every bridge of these options may be used.
    pub fn require_bridges(&self, who: &Principal, options: &Options) -> Result<(), Failure> {
        for (_, value) in options.iter().filter(|(key, _)| drive::is_indexed(key, "net", 32)) {
            let Some(network) = Network::parse(value) else { continue };
            let Some(bridge) = network.bridge() else { continue };
            let mut path = format!("/sdn/zones/localnetwork/{bridge}");
            if let Some(tag) = network.tag() {
                path.push_str(&format!("/{tag}"));
            }
            self.require(who, &path, &["SDN.Use"])?;
        }
        Ok(())
    }

    /// Refuses what the drives of these options name but the actor may not use, or what cannot be read at all.
    pub fn require_volumes(&self, actor: &Actor<'_>, options: &Options) -> Result<(), Failure> {
        drives_of(options).try_for_each(|(key, found)| self.require_drive(actor, key, &found))
    }

    fn require_drive(&self, actor: &Actor<'_>, key: &str, found: &Drive) -> Result<(), Failure> {
        match found.request() {
            Request::Empty if found.is_cdrom() => self.require_vm(actor, "VM.Config.CDROM")?,
            Request::Empty => {}
            Request::CloudInit { storage } | Request::New { storage, .. } => {
                let storage = storage
                    .ok_or_else(|| Failure::died("no storage ID specified (and no default storage)"))?;
                let config = self.storages.get(storage);
                let config =
                    config.ok_or_else(|| Failure::died(format!("storage '{storage}' does not exist")))?;
                self.require(actor.who, &format!("/storage/{storage}"), &["Datastore.AllocateSpace"])?;
                if !config.content().contains("images") {
                    let message = format!("storage '{storage}' does not support vm images");
                    return Err(Failure::parameter("storage", message));
                }
            }
            Request::Existing => self.require_existing(actor, key, &found.file)?,
        }
        match found.option("import-from") {
            Some(source) => self.require_source(actor, key, source),
            None => Ok(()),
        }
    }

    fn require_existing(&self, actor: &Actor<'_>, key: &str, file: &str) -> Result<(), Failure> {
        let Some(id) = VolumeId::parse(file) else { return require_root_path(actor.who) };
        let parsed = self.parse_volume(&id).map_err(Failure::died)?;
        self.require_volume(actor.who, Some(actor.vmid), &id)?;
        if !matches!(parsed.content, "images" | "iso") {
            return Err(Failure::parameter(key, "content type needs to be 'images' or 'iso'"));
        }
        Ok(())
    }

    fn require_source(&self, actor: &Actor<'_>, key: &str, source: &str) -> Result<(), Failure> {
        let Some(id) = VolumeId::parse(source) else { return require_root_path(actor.who) };
        let parsed = self.parse_volume(&id).map_err(Failure::died)?;
        if !matches!(parsed.content, "images" | "import") {
            let message =
                format!("{source} has wrong type '{}' - needs to be 'images' or 'import'", parsed.content);
            return Err(Failure::parameter(key, message));
        }
        match parsed.vmid {
            Some(owner) => self.require(actor.who, &format!("/vms/{owner}"), &["VM.Clone"]),
            None => self.require_volume(actor.who, Some(actor.vmid), &id),
        }
    }

    /// Refuses unless `who` may read the volume, for a VM or for itself.
    pub fn require_volume(&self, who: &Principal, vmid: Option<u32>, id: &VolumeId) -> Result<(), Failure> {
        let parsed = self.parse_volume(id).map_err(Failure::died)?;
        let path = format!("/storage/{}", id.storage);
        if self.allows(who, &path, &["Datastore.Allocate"]) {
            return Ok(());
        }
        match parsed.content {
            "iso" | "vztmpl" | "import" => {
                self.require_any(who, &path, &["Datastore.AllocateSpace", "Datastore.Audit"])
            }
            "backup" if vmid.is_some() => self.require(who, &path, &["Datastore.AllocateSpace"]),
            "backup" if parsed.vmid.is_some() => {
                self.require(who, &path, &["Datastore.AllocateSpace"])?;
                let owner = parsed.vmid.unwrap_or_default();
                self.require(who, &format!("/vms/{owner}"), &["VM.Backup"])
            }
            "images" | "rootdir" => match parsed.vmid {
                owner if owner.is_some() && owner == vmid => Ok(()),
                Some(owner) => {
                    self.require(who, &path, &["Datastore.Audit"])?;
                    self.require(who, &format!("/vms/{owner}"), &["VM.Config.Disk"])
                }
                None => self.require(who, &path, &["Datastore.Allocate"]),
            },
            _ => self.require(who, &path, &["Datastore.Allocate"]),
        }
    }
}

fn require_root_path(who: &Principal) -> Result<(), Failure> {
    if who.is_root() {
        return Ok(());
    }
    Err(Failure::died(
        "Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651.",
    ))
}

fn is_cdrom(value: &str) -> bool {
    Drive::parse(value).is_some_and(|drive| drive.is_cdrom())
}

/// Whether an option gives a VM something of its node.
pub fn is_passed_through(key: &str) -> bool {
    [("hostpci", 16), ("parallel", 3), ("serial", 4), ("usb", 14), ("virtiofs", 10)]
        .iter()
        .any(|(family, count)| drive::is_indexed(key, family, *count))
}
