//! `homelab_backup_coverage`: which disks of the backup tiers no job backs up.

use backup_policy::{CalendarEvent, Timestamp, Zone};
use pve_client::{Guest, GuestKind, Pve, VmAddress, VmConfig, VmId, VolumeId};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::backup::tier_number::TierNumber;
use crate::resources::pve::data_disk;

/// Which disks of the backup tiers 1 to 4 no enabled backup job backs up, for a `check` block.
///
/// A disk belongs to the tier of the guest that owns its volume, whoever has it attached, and a data disk to its own
/// tier, wherever it is. A disk that its own guest leaves out with `backup=0` is left out on purpose, and is listed
/// apart. Disks of a container are its root file system and the volumes at its mount points, of which Proxmox VE backs
/// up only those with `backup=1`. Jobs that are disabled or never run again count for nothing. Templates are not looked
/// at.
#[derive(Clone, Debug, Schema)]
#[schema(name = "backup_coverage")]
pub struct BackupCoverage {
    /// Disks that no job backs up, by guest and slot.
    pub uncovered_disks: Computed<Vec<Disk>>,

    /// Disks that their own guest leaves out of its backup, by guest and slot.
    pub excluded_disks: Computed<Vec<Disk>>,

    /// Disks that a job backs up, by guest and slot.
    pub covered_disks: Computed<Vec<Disk>>,
}

/// One disk.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Disk {
    /// Guest that has the disk.
    pub vm_id: i64,

    /// Slot of the disk in that guest, such as `scsi0`, `rootfs` or `mp0`; `unused0` and the like are attached nowhere.
    pub slot: String,

    /// Volume of the disk.
    pub volume_id: String,

    /// Tier of the disk.
    pub tier_number: i64,

    /// Jobs that back it up.
    pub job_ids: BTreeSet<String>,
}

/// What the jobs back up.
#[derive(Default)]
struct Jobs {
    /// By volume, the jobs that have it in a backup.
    volumes: BTreeMap<String, BTreeSet<String>>,
    /// Slots of the guests in any job, with volume and whether it is in the backup.
    guests: BTreeMap<VmId, BTreeMap<String, (String, bool)>>,
}

impl Jobs {
    async fn ask(pve: &Pve) -> pve_client::Result<Self> {
        let mut jobs = Self::default();
        for job in pve.backup_jobs().await?.iter().filter(|job| runs(job)) {
            for guest in pve.covered_guests(&job.id).await? {
                let slots = jobs.guests.entry(guest.id).or_default();
                for disk in guest.disks.into_iter().filter(|disk| !is_of_node(&disk.slot, &disk.volume)) {
                    if disk.included {
                        jobs.volumes.entry(disk.volume.clone()).or_default().insert(job.id.to_string());
                    }
                    slots.insert(disk.slot, (disk.volume, disk.included));
                }
            }
        }
        Ok(jobs)
    }
}

fn runs(job: &pve_client::BackupJob) -> bool {
    let event: Option<CalendarEvent> = job.settings.parsed("schedule");
    let again = event.is_none_or(|event| event.next_after(Timestamp::now(), &Zone::utc()).is_some());
    again && job.settings.truth("enabled") != Some(false)
}

/// The slots of a configuration that hold volumes, with volume and whether a backup has them.
fn slots(config: &VmConfig) -> BTreeMap<String, (String, bool)> {
    let mut slots = BTreeMap::new();
    for prefix in ["ide", "sata", "scsi", "virtio", "efidisk", "tpmstate", "unused"] {
        for (index, text) in config.indexed(prefix) {
            let mut words = text.split(',');
            let volume = words.next().unwrap_or_default();
            let left_out = words.clone().any(|word| word == "backup=0");
            if volume.contains(':') && !words.any(|word| word == "media=cdrom") {
                slots.insert(format!("{prefix}{index}"), (volume.to_owned(), !left_out));
            }
        }
    }
    slots
}

/// Whether a container's mount point shows a directory or a device of the node, of which no backup has anything.
fn is_of_node(slot: &str, source: &str) -> bool {
    slot.starts_with("mp") && source.starts_with('/')
}

/// Where a container has volumes, with volume and whether a backup has them.
fn mounts(config: &VmConfig) -> BTreeMap<String, (String, bool)> {
    let numbered =
        |prefix| config.indexed(prefix).map(move |(index, text)| (format!("{prefix}{index}"), text));
    let root = config.value("rootfs").map(|text| ("rootfs".to_owned(), text));
    let mut mounts = BTreeMap::new();
    for (slot, text) in root.into_iter().chain(numbered("mp")).chain(numbered("unused")) {
        let mut words = text.split(',');
        let source = words.next().unwrap_or_default();
        if !is_of_node(&slot, source) {
            let wanted = !slot.starts_with("mp") || words.any(|word| word == "backup=1");
            mounts.insert(slot, (source.to_owned(), wanted));
        }
    }
    mounts
}

/// The tier of a guest. A job has templates too, which are not looked at.
fn tier_of(guest: &Guest) -> Option<TierNumber> {
    if guest.template {
        return None;
    }
    guest.pool.as_ref().and_then(TierNumber::of_pool).filter(|tier| tier.number() > 0)
}

/// What is looked at: the slots of a guest, with volume and whether its own configuration wants a backup.
type Slots = BTreeMap<VmId, BTreeMap<String, (String, bool)>>;

/// The tiers of the data disks that are attached, by machine and slot. A volume that was given to its machine has that
/// machine's name, and only the holder knows its tier; one of tier 0 has none.
type DataDisks = BTreeMap<(VmId, String), Option<TierNumber>>;

/// Sorts the disks of the tiers by what happens to them.
fn judge(guests: &[Guest], jobs: &Jobs, slots: &Slots, data_disks: &DataDisks) -> BackupCoverage {
    let tiers: BTreeMap<VmId, TierNumber> =
        guests.iter().filter_map(|guest| Some((guest.id, tier_of(guest)?))).collect();
    let (mut uncovered, mut excluded, mut covered) = (Vec::new(), Vec::new(), Vec::new());
    let attached: BTreeSet<&String> = slots
        .values()
        .flatten()
        .filter(|(slot, _)| !slot.starts_with("unused"))
        .map(|(_, (volume, _))| volume)
        .collect();
    for (vm, slot, volume, wanted) in slots.iter().flat_map(|(vm, slots)| {
        slots.iter().map(move |(slot, (volume, wanted))| (*vm, slot, volume, *wanted))
    }) {
        let owner = volume.parse::<VolumeId>().ok().and_then(|volume| volume.owner());
        let data_disk = data_disks.get(&(vm, slot.clone()));
        let tier = data_disk.map_or_else(|| tiers.get(&owner.unwrap_or(vm)).copied(), |tier| *tier);
        let Some(tier) = tier else { continue };
        let is_parked = slot.starts_with("unused");
        // The volume is judged where it is attached.
        if is_parked && attached.contains(volume) {
            continue;
        }
        let job_ids = jobs.volumes.get(volume).cloned().unwrap_or_default();
        let on_purpose = !wanted && data_disk.is_none() && owner.is_none_or(|owner| owner == vm);
        let list = match (job_ids.is_empty(), on_purpose) {
            (false, _) => &mut covered,
            (true, true) => &mut excluded,
            (true, false) => &mut uncovered,
        };
        list.push(Disk {
            vm_id: vm.number().into(),
            slot: slot.clone(),
            volume_id: volume.clone(),
            tier_number: tier.number().into(),
            job_ids,
        });
    }
    BackupCoverage {
        uncovered_disks: uncovered.into(),
        excluded_disks: excluded.into(),
        covered_disks: covered.into(),
    }
}

async fn look(pve: &Pve) -> pve_client::Result<BackupCoverage> {
    let guests = pve.guests().await?;
    let machines = || guests.iter().filter(|guest| guest.kind == GuestKind::Vm && !guest.template);
    let jobs = Jobs::ask(pve).await?;
    let mut slots = jobs.guests.clone();
    let mut data_disks = DataDisks::new();
    for holder in machines().filter(|guest| data_disk::is_holder(guest)) {
        let Some(config) = config(pve, holder).await? else { continue };
        if let Some((at, tier)) = data_disk::whereabouts(&config) {
            let tier = TierNumber::try_from(i64::from(tier)).ok();
            data_disks.insert(at, tier.filter(|tier| tier.number() > 0));
        }
        slots.insert(holder.id, self::slots(&config));
    }
    // A job tells the disks of its guests; of others, and of those that seem to have none, only the configuration does.
    let uses = |guest: &Guest| data_disks.keys().any(|(vm, _)| *vm == guest.id);
    for guest in guests.iter().filter(|guest| !guest.template && (tier_of(guest).is_some() || uses(guest))) {
        if slots.get(&guest.id).is_none_or(BTreeMap::is_empty)
            && !data_disk::is_holder(guest)
            && let Some(config) = config(pve, guest).await?
        {
            let found = match guest.kind {
                GuestKind::Vm => self::slots(&config),
                GuestKind::Container => mounts(&config),
            };
            slots.insert(guest.id, found);
        }
    }
    Ok(judge(&guests, &jobs, &slots, &data_disks))
}

/// The configuration of a guest, unless it is gone by now.
async fn config(pve: &Pve, guest: &Guest) -> pve_client::Result<Option<VmConfig>> {
    let address = VmAddress::new(guest.node.clone(), guest.id);
    let found = match guest.kind {
        GuestKind::Vm => pve.vm_config(&address).await,
        GuestKind::Container => pve.container_config(&address).await,
    };
    match found {
        Ok(config) => Ok(Some(config)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

impl DataSource for BackupCoverage {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        look(&cx.pve()?).await.explain::<Self>(cx, "find out what the backup jobs cover")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(id: u32, pool: Option<&str>) -> Guest {
        Guest {
            id: VmId::new(id).unwrap(),
            node: "pve1".parse().unwrap(),
            kind: GuestKind::Vm,
            name: None,
            status: "running".to_owned(),
            template: false,
            pool: pool.map(|pool| pool.parse().unwrap()),
            tags: BTreeSet::new(),
            lock: None,
            ha_state: None,
            memory_bytes: None,
        }
    }

    fn slots(found: &[(u32, &str, &str, bool)]) -> Slots {
        let mut slots = Slots::new();
        for (id, slot, volume, wanted) in found {
            let of = slots.entry(VmId::new(*id).unwrap()).or_default();
            of.insert((*slot).to_owned(), ((*volume).to_owned(), *wanted));
        }
        slots
    }

    #[test]
    fn a_disk_is_judged_by_the_tier_of_its_owner_where_it_is_attached() {
        let guests = [
            guest(100, None),
            guest(101, Some("tier-1")),
            guest(901, Some("tier-2")),
            guest(902, Some("tier-0")),
        ];
        let mut jobs = Jobs::default();
        jobs.volumes.insert("ds:vm-101-disk-0".to_owned(), ["tier-1-s".to_owned()].into());
        let found = judge(
            &guests,
            &jobs,
            &slots(&[
                (100, "scsi0", "ds:vm-100-disk-0", true),
                (100, "scsi1", "ds:vm-901-disk-0", false),
                (100, "scsi2", "ds:vm-902-disk-0", true),
                (101, "scsi0", "ds:vm-101-disk-0", true),
                (101, "scsi1", "ds:vm-101-disk-1", false),
                (901, "unused0", "ds:vm-901-disk-0", true),
                (901, "unused1", "ds:vm-901-disk-1", true),
            ]),
            &DataDisks::new(),
        );
        let slots = |disks: Computed<Vec<Disk>>| -> Vec<(i64, String, i64)> {
            let disks = disks.into_known().unwrap().into_iter();
            disks.map(|disk| (disk.vm_id, disk.slot, disk.tier_number)).collect()
        };
        assert_eq!(
            slots(found.uncovered_disks),
            [(100, "scsi1".to_owned(), 2), (901, "unused1".to_owned(), 2)]
        );
        assert_eq!(slots(found.excluded_disks), [(101, "scsi1".to_owned(), 1)]);
        assert_eq!(slots(found.covered_disks), [(101, "scsi0".to_owned(), 1)]);
    }

    #[test]
    fn a_data_disk_that_was_given_to_a_machine_keeps_its_own_tier() {
        let guests = [guest(100, Some("web")), guest(101, Some("tier-1"))];
        let id = |number| VmId::new(number).unwrap();
        let data_disks = DataDisks::from([
            ((id(100), "scsi1".to_owned()), Some("2".parse().unwrap())),
            ((id(101), "scsi1".to_owned()), None),
        ]);
        let found = judge(
            &guests,
            &Jobs::default(),
            &slots(&[
                (100, "scsi0", "ds:vm-100-disk-0", false),
                (100, "scsi1", "ds:vm-100-disk-1", false),
                (101, "scsi1", "ds:vm-101-disk-1", false),
            ]),
            &data_disks,
        );
        let uncovered = found.uncovered_disks.into_known().unwrap();
        let uncovered: Vec<_> = uncovered.iter().map(|disk| (disk.vm_id, disk.tier_number)).collect();
        assert_eq!(uncovered, [(100, 2)], "somebody has taken it out of the backups of its machine");
        assert!(found.excluded_disks.into_known().unwrap().is_empty(), "what has tier 0 is not listed");
    }

    #[test]
    fn templates_that_a_job_has_are_not_looked_at() {
        let guests = [Guest { template: true, ..guest(101, Some("tier-1")) }, guest(102, Some("tier-1"))];
        let found = judge(
            &guests,
            &Jobs::default(),
            &slots(&[(101, "scsi0", "ds:base-101-disk-0", true), (102, "scsi0", "ds:vm-102-disk-0", true)]),
            &DataDisks::new(),
        );
        let uncovered = found.uncovered_disks.into_known().unwrap();
        assert_eq!(uncovered.iter().map(|disk| disk.vm_id).collect::<Vec<_>>(), [102]);
        assert!(found.covered_disks.into_known().unwrap().is_empty());
    }
}
