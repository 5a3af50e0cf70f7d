//! What a machine is in the configuration language.

use pve_client::{NodeName, PoolName, StorageName};
use tf_framework::prelude::*;

use super::agent::Agent;
use super::cdrom::Cdrom;
use super::clone::Clone as CloneSource;
use super::cloud_init::CloudInit;
use super::cpu::Cpu;
use super::disk::Disk;
use super::display::Display;
use super::extras::{Audio, Rng, Watchdog};
use super::firmware::{EfiDisk, TpmState};
use super::memory::Memory;
use super::migration::Migration;
use super::network::Network;
use super::numa::NumaNode;
use super::pci::Pci;
use super::serial::Serial;
use super::startup::Startup;
use super::usb::Usb;
use super::virtiofs::Virtiofs;
use super::wait_for::WaitFor;
use super::words::{KEYBOARDS, OS_TYPES, dns_name, machine, tag};
use super::{hook_script, hotplug, marker, slot};
use crate::resources::pve::data_disk::DataDiskId;

/// How long a guest may take to shut down when the user says nothing.
pub(super) const SHUTDOWN_SECONDS: i64 = 60;

/// A virtual machine: empty, cloned from a template, or with disks imported from images.
///
/// What the configuration does not name is left as it is, for example a disk that was attached by hand or what a clone
/// got from its template. What it stops naming goes back to the default of Proxmox VE, and a slot is emptied.
///
/// The last line of the description in Proxmox VE is a comment that only this provider writes. With it the provider
/// knows its machine again before it changes or deletes something, and takes over what an interrupted apply left
/// half-made.
///
/// Not covered, and left as they are on a machine that has them: `smbios1` and `vmgenid`, by which Proxmox VE and this
/// provider know a machine again; `cicustom`, whose place `cloud_init` has taken; `migrate_downtime`, which Proxmox VE
/// raises by itself, and `migrate_speed`, which limits of storages and the cluster replace; `viommu` and sleep states in
/// `machine`; error policies, world wide names and limits in bytes of disks; and what hardly any machine needs: `arch`,
/// `amd-sev`, `intel-tdx`, `ivshmem`, parallel ports, `spice_enhancements`, `freeze`, `startdate` and `tdf`.
///
/// An import reports everything that the machine has. What cannot be read begins empty (`clone`, `import_from`,
/// passwords) or with its default (`on_remove`, `reboot_when_needed`, `shutdown_timeout_seconds`). What only this provider
/// knows of, `nodes`, `migration` and `wait_for`, is noted by the next apply, which changes nothing on the machine.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_vm", version = 0)]
pub struct Vm {
    /// Node of the machine. A change migrates it: a running machine keeps running. Give either this or `nodes`.
    #[schema(parse, wire = "node")]
    pub node_name: Option<NodeName>,

    /// Nodes on which the machine may be, the preferred one first. It is made on the first that is up and has the
    /// storages, and a machine that high availability or a person moves to another of them stays there. One that is on
    /// none of them is migrated to the first.
    #[schema(parse, validate = length(1, 64))]
    pub nodes: Option<Vec<NodeName>>,

    /// Node on which the machine is.
    #[schema(parse, wire = "node", keep)]
    pub current_node: Computed<NodeName>,

    /// ID of the machine, from 100 to 999999999. By default the lowest one that is free.
    #[schema(wire = "vmid", replace, keep, validate = range(100, 999_999_999))]
    pub vm_id: Defaulted<u32>,

    /// Name, as a DNS name: letters, digits, `-` and `.`.
    #[schema(wire = "name", validate = matches("a DNS name of letters, digits, `-` and `.`", dns_name))]
    pub name: Option<String>,

    /// Text shown in the web interface, as Markdown, at most 8000 characters.
    #[schema(wire = "description", validate = length(0, marker::LONGEST_DESCRIPTION))]
    pub description: Option<String>,

    /// Tags: letters, digits, `_`, `-`, `+` and `.`. Their case does not matter unless the cluster says so.
    #[schema(wire = "tags", validate = each(matches("made of letters, digits, `_`, `-`, `+` and `.`", tag)))]
    pub tags: Option<BTreeSet<String>>,

    /// Pool of the machine.
    #[schema(parse, wire = "pool")]
    pub pool_name: Option<PoolName>,

    /// Whether it is a template, from which others are cloned and which cannot start. A template never becomes a
    /// machine again, so the way back replaces it.
    #[schema(wire = "template", default = false)]
    pub template: Defaulted<bool>,

    /// Whether the machine runs. By default it does, and a template does not. While high availability looks after the
    /// machine, the `state` of its `homelab_pve_ha_resource` decides, and this changes nothing.
    #[schema(keep)]
    pub started: Defaulted<bool>,

    /// Whether the machine starts with its node. Proxmox VE's default is `false`.
    #[schema(wire = "onboot")]
    pub start_on_boot: Option<bool>,

    /// Whether Proxmox VE refuses to delete the machine or its disks. Its default is `false`. A protected machine can
    /// be destroyed only after this was set to `false` and applied.
    #[schema(wire = "protection")]
    pub protection: Option<bool>,

    /// Firmware. Proxmox VE's default is `seabios`; `ovmf` is EFI and needs `efi_disk`.
    #[schema(wire = "bios", validate = one_of(["seabios", "ovmf"]))]
    pub bios: Option<String>,

    /// Chipset, for example `q35` or `pc-q35-9.2+pve1`. Proxmox VE's default is `pc`, in the newest version.
    #[schema(wire = "machine", validate = matches("a machine type such as `pc`, `q35` or `pc-q35-9.2+pve1`", machine))]
    pub machine: Option<String>,

    /// What runs inside, so that Proxmox VE can adapt: `l26` is any Linux of today. Its default is `other`.
    #[schema(wire = "ostype", validate = one_of(OS_TYPES))]
    pub os_type: Option<String>,

    /// Controller of the `scsi` slots. Proxmox VE's default is `lsi`; `virtio-scsi-single` is the fast one.
    #[schema(wire = "scsihw", validate = one_of(["lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi"]))]
    pub scsi_hardware: Option<String>,

    /// Slots to boot from, in this order. By default Proxmox VE chooses at creation, and a clone boots as its template.
    #[schema(wire = "boot", keep, validate = length(1, usize::MAX))]
    pub boot_order: Defaulted<Vec<String>>,

    /// What the machine can be given and deprived of while it runs. Proxmox VE's default is `disk`, `network` and `usb`.
    /// `memory` needs `cpu.numa`.
    #[schema(wire = "hotplug", validate = each(one_of(hotplug::FEATURES)))]
    pub hotplug: Option<BTreeSet<String>>,

    /// When the machine starts and stops among the others of its node.
    #[schema(wire = "startup")]
    pub startup: Option<Startup>,

    /// Script of the node that Proxmox VE runs before and after the machine starts and stops, as a volume with the content
    /// `snippets`: `local:snippets/hook.sh`. It has to be there and executable on each node of the machine; the API
    /// cannot bring it there. Only `root@pam` with its password may set it.
    #[schema(wire = "hookscript", validate = matches("a volume with the content `snippets`, as `storage:snippets/file`", hook_script::is_snippet))]
    pub hook_script: Option<String>,

    /// Storage for the memory of snapshots and of hibernation. By default Proxmox VE chooses among those of
    /// its disks.
    #[schema(parse, wire = "vmstatestorage")]
    pub state_storage_name: Option<StorageName>,

    /// More arguments for the program that is the machine, as one line. Proxmox VE does not look at them, and no plan can
    /// tell what they do. Only `root@pam` with its password may set them.
    #[schema(wire = "args", validate = length(1, 65_536))]
    pub kvm_arguments: Option<String>,

    /// Layout of the keyboard for the console in the web interface. By default it is that of the cluster.
    #[schema(wire = "keyboard", validate = one_of(KEYBOARDS))]
    pub keyboard_layout: Option<String>,

    /// Whether the guest gets a pointer that follows the mouse of the console. Proxmox VE's default is `true`.
    #[schema(wire = "tablet")]
    pub tablet: Option<bool>,

    /// Whether the guest can be asked to shut down, and sees how it is powered. Proxmox VE's default is `true`.
    #[schema(wire = "acpi")]
    pub acpi: Option<bool>,

    /// Whether the processors of the node do the work. Proxmox VE's default is `true`; without, everything is very slow.
    #[schema(wire = "kvm")]
    pub kvm: Option<bool>,

    /// Whether the clock of the machine shows local time instead of UTC. By default it does for Windows.
    #[schema(wire = "localtime")]
    pub local_time: Option<bool>,

    /// Processors.
    pub cpu: Option<Cpu>,

    /// Memory.
    pub memory: Option<Memory>,

    /// The QEMU guest agent.
    #[schema(wire = "agent")]
    pub agent: Option<Agent>,

    /// Disks by slot, for example `scsi0`.
    #[schema(validate = slot::DISK_SLOTS)]
    pub disks: Option<BTreeMap<String, Disk>>,

    /// Data disks by slot: the `id` of a `homelab_pve_data_disk` for each. They are detached before the machine is
    /// destroyed or replaced, and stay. Slots: `scsi0` to `scsi30` and `virtio0` to `virtio15`, where a running machine
    /// takes and gives disks at once.
    ///
    /// Unless `pool_name` is set, the machine goes into the pool of the strictest tier among them, whose job then backs
    /// up these disks. With a pool of your own, each of that tier's jobs gets a companion for this machine. The machine's
    /// other disks are left out of its backups unless their `backup` says otherwise.
    ///
    /// A machine that replaces another one with `create_before_destroy` starts without its data disks, and gets them when
    /// the old one goes.
    #[schema(parse, validate = slot::DATA_DISK_SLOTS)]
    pub data_disks: Option<BTreeMap<String, DataDiskId>>,

    /// CD drives by slot, for example `ide2`. With the machine type `q35`, `ide` has the slots 0 and 2 only.
    #[schema(validate = slot::CDROM_SLOTS)]
    pub cdroms: Option<BTreeMap<String, Cdrom>>,

    /// Network devices by slot, for example `net0`.
    #[schema(validate = slot::NETWORK_SLOTS)]
    pub networks: Option<BTreeMap<String, Network>>,

    /// NUMA nodes by slot, from `numa0`. By default each socket is one, with its share of the memory. They need `cpu.numa`.
    #[schema(validate = slot::NUMA_SLOTS)]
    pub numa_nodes: Option<BTreeMap<String, NumaNode>>,

    /// PCI devices of the node by slot, for example `hostpci0` for a graphics card. One device serves one running
    /// machine at a time.
    #[schema(validate = slot::PCI_SLOTS)]
    pub pci_devices: Option<BTreeMap<String, Pci>>,

    /// USB devices by slot, for example `usb0`. A running machine takes and gives them at once if `os_type` is that of a
    /// Linux of today or of Windows 8 or later.
    #[schema(validate = slot::USB_SLOTS)]
    pub usb_devices: Option<BTreeMap<String, Usb>>,

    /// Serial ports by slot, for example `serial0`.
    #[schema(validate = slot::SERIAL_SLOTS)]
    pub serial_ports: Option<BTreeMap<String, Serial>>,

    /// Directories of the node by slot, for example `virtiofs0`.
    #[schema(validate = slot::VIRTIOFS_SLOTS)]
    pub virtiofs: Option<BTreeMap<String, Virtiofs>>,

    /// The graphics card that the machine's screen hangs on.
    #[schema(wire = "vga")]
    pub display: Option<Display>,

    /// A device that gives the guest random numbers.
    #[schema(wire = "rng0")]
    pub rng: Option<Rng>,

    /// A device that acts when the guest stops feeding it.
    #[schema(wire = "watchdog")]
    pub watchdog: Option<Watchdog>,

    /// A sound card.
    #[schema(wire = "audio0")]
    pub audio: Option<Audio>,

    /// The disk with the variables of an EFI firmware.
    #[schema(wire = "efidisk0")]
    pub efi_disk: Option<EfiDisk>,

    /// The state of a trusted platform module.
    #[schema(wire = "tpmstate0")]
    pub tpm_state: Option<TpmState>,

    /// Template or machine to clone. Only used when the machine is made.
    ///
    /// A template on another node, with disks that only that node sees, is cloned there with copies of all its disks, and
    /// the clone is migrated to its node before it starts. The disks are copied twice, which the plan tells; a template on
    /// each node is quicker. It needs the privilege VM.Migrate, and three calls more than another clone. What an
    /// interrupted apply left on the way is taken over by the next one.
    #[schema(create_only)]
    pub clone: Option<CloneSource>,

    /// What cloud-init inside the guest sets up.
    pub cloud_init: Option<CloudInit>,

    /// Whether the machine is restarted when a change needs that. If not, the change waits, and `pending_changes`
    /// names it.
    #[schema(default = true)]
    pub reboot_when_needed: Defaulted<bool>,

    /// How many seconds the guest may take to shut down before its plug is pulled: before it is destroyed, turned
    /// into a template, stopped or restarted. From 0 to 3600; 0 pulls the plug at once.
    #[schema(wire = "timeout", default = SHUTDOWN_SECONDS, validate = range(0, 3600))]
    pub shutdown_timeout_seconds: Defaulted<i64>,

    /// How the machine goes to another node. A disk whose storage changes in the same apply is copied to the new one at
    /// once.
    pub migration: Option<Migration>,

    /// What an apply waits for after it has started or restarted the machine. A plan or a refresh never waits. It needs
    /// the guest agent.
    pub wait_for: Option<WaitFor>,

    /// Addresses by interface, as the guest names it, for the machine's own network devices; those that are only valid
    /// on their link are left out. Only with `wait_for`, and as they were when it was over: the data source
    /// `homelab_pve_vm` reads the present ones.
    #[schema(keep)]
    pub addresses: Computed<BTreeMap<String, Vec<String>>>,

    /// Wire names of the settings whose change waits for the next start.
    pub pending_changes: Computed<BTreeSet<String>>,
}

impl Vm {
    /// A machine of which nothing is said but its node.
    pub(super) fn nothing(node_name: NodeName) -> Self {
        Self {
            node_name: Some(node_name),
            nodes: None,
            current_node: Computed::Null,
            vm_id: Defaulted::Null,
            name: None,
            description: None,
            tags: None,
            pool_name: None,
            template: false.into(),
            started: false.into(),
            start_on_boot: None,
            protection: None,
            bios: None,
            machine: None,
            os_type: None,
            scsi_hardware: None,
            boot_order: Defaulted::Null,
            hotplug: None,
            startup: None,
            hook_script: None,
            state_storage_name: None,
            kvm_arguments: None,
            keyboard_layout: None,
            tablet: None,
            acpi: None,
            kvm: None,
            local_time: None,
            cpu: None,
            memory: None,
            agent: None,
            disks: None,
            data_disks: None,
            cdroms: None,
            networks: None,
            numa_nodes: None,
            pci_devices: None,
            usb_devices: None,
            serial_ports: None,
            virtiofs: None,
            display: None,
            rng: None,
            watchdog: None,
            audio: None,
            efi_disk: None,
            tpm_state: None,
            clone: None,
            cloud_init: None,
            reboot_when_needed: true.into(),
            shutdown_timeout_seconds: SHUTDOWN_SECONDS.into(),
            migration: None,
            wait_for: None,
            addresses: Computed::Null,
            pending_changes: Computed::Null,
        }
    }

    /// How many seconds the guest may take to shut down.
    pub(super) fn shutdown_seconds(&self) -> u32 {
        let seconds = self.shutdown_timeout_seconds.known().copied().unwrap_or(SHUTDOWN_SECONDS);
        u32::try_from(seconds).unwrap_or(0)
    }

    /// Whether it is to be a template.
    pub(super) fn is_template(&self) -> bool {
        self.template.known().is_some_and(|template| *template)
    }

    /// Whether it is to run. A template never does.
    pub(super) fn is_started(&self) -> bool {
        !self.is_template() && self.started.known().is_none_or(|started| *started)
    }

    /// Whether it may be restarted for a change.
    pub(super) fn may_reboot(&self) -> bool {
        self.reboot_when_needed.known().is_none_or(|reboot| *reboot)
    }
}
