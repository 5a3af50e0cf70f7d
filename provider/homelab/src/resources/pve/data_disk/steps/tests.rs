//! Every way of a disk, interrupted after every step, in a model of two configurations.

use pve_client::{Drive, VmId};

use super::*;
use crate::resources::pve::data_disk::record::Record;
use crate::resources::pve::data_disk::sight::HolderSight;
use crate::resources::pve::data_disk::tier::BackupTier;

const HOLDER: u32 = 901;
const USER: u32 = 102;

fn id(number: u32) -> VmId {
    VmId::new(number).unwrap()
}

fn drive(owner: u32) -> Drive {
    tuned(&format!("ds:vm-{owner}-disk-0"))
}

fn tuned(volume: &str) -> Drive {
    Drive::new(volume).with("serial", "disk-k").with("backup", 1)
}

fn parked(ownership: Ownership) -> Sight {
    let record = Record {
        key: "k".to_owned(),
        creating: None,
        name: "pg".to_owned(),
        serial: "disk-k".to_owned(),
        tier: BackupTier::numbered(1).unwrap(),
        former_tier: None,
        next: None,
        ownership,
        at: None,
    };
    let holder = HolderSight {
        id: id(HOLDER),
        bus: Some(("scsi0".to_owned(), drive(HOLDER))),
        unused: None,
        old: None,
        protected: true,
        record,
    };
    Sight { holder, user: Some(user(true)), backups_follow: false, storage: None }
}

fn user(running: bool) -> UserSight {
    UserSight {
        id: id(USER),
        bus: None,
        leaving: false,
        unused: None,
        old: None,
        running,
        elsewhere: true,
        protected: false,
        owns_others: false,
        slot_taken: false,
    }
}

/// What Proxmox VE makes of a step.
#[expect(clippy::too_many_lines, reason = "one step in one place, as the lab would take it")]
fn take(sight: &mut Sight, step: &Step) {
    let Sight { holder, user: Some(user), backups_follow, .. } = sight else { panic!("there is a machine") };
    match step.clone() {
        Step::Note(at) => holder.record.at = at,
        Step::Unprotect(at) => (holder.record.at, holder.protected) = (at, false),
        Step::Release(slot) => {
            assert!(!holder.protected, "a protected holder lets go of nothing");
            assert!(
                *backups_follow,
                "the backups of the machine include the disk before the holder's do not"
            );
            let (found, drive) = holder.bus.take().unwrap();
            assert_eq!(found, slot);
            (holder.unused, holder.protected) = (Some(("unused0".to_owned(), drive.file)), true);
        }
        Step::Protect => holder.protected = true,
        Step::Fetch => user.elsewhere = false,
        Step::Follow => {
            assert!(holder.record.at.is_some(), "the record says whose backups these are");
            *backups_follow = true;
        }
        Step::Park(slot, at) => {
            let volume = holder.volume().unwrap();
            assert!(volume.contains(&HOLDER.to_string()));
            assert_eq!(holder.old, None, "nobody takes the volume from before for the disk");
            (holder.bus, holder.unused) = (Some((slot, tuned(volume))), None);
            (holder.record.at, holder.protected) = (at, true);
        }
        Step::Plug(slot) => user.bus = Some((slot, tuned(holder.volume().unwrap()))),
        Step::Unplug(_) => {
            assert!(!user.protected && !user.owns(), "only what is referred to goes without a trace");
            user.bus = None;
        }
        Step::Tune(slot) => {
            let (_, drive) = user.bus.take().unwrap();
            user.bus = Some((slot, tuned(&drive.file)));
        }
        Step::Relocate { slot, to } => {
            assert!(user.protected, "whoever is to own a volume is protected before");
            let (found, drive) = user.bus.take().unwrap();
            assert_eq!((&found, holder.record.moving().map(|it| &it.from)), (&slot, Some(&drive.file)));
            user.bus = Some((slot, tuned(&format!("{to}:vm-{USER}-disk-7"))));
            user.old = Some("unused3".to_owned());
        }
        Step::Forget(entry) => {
            assert!(!user.protected && user.old.as_ref() == Some(&entry));
            (user.old, user.protected) = (None, true);
        }
        Step::Discard(entry, at) => {
            assert!(!holder.protected, "a protected holder deletes nothing");
            let (found, volume) = holder.old.take().unwrap();
            assert_eq!(found, entry);
            let live = user.bus.as_ref().or(holder.bus.as_ref()).map(|(_, drive)| &drive.file);
            assert!(live.is_some_and(|live| *live != volume), "the disk itself is never deleted");
            assert_eq!(user.old, None, "no machine names what is deleted");
            (holder.record.at, holder.protected) = (Some(at), true);
        }
        Step::ProtectUser => user.protected = true,
        Step::UnprotectUser => user.protected = false,
        Step::Give { from, to } => {
            let (found, _) = holder.bus.take().unwrap();
            assert_eq!(found, from);
            assert!(
                *backups_follow,
                "the backups of the machine include the disk before the holder's do not"
            );
            assert!(!user.elsewhere, "a volume is given on one node only");
            assert!(user.protected, "whoever owns a volume is protected");
            user.bus = Some((to, drive(USER)));
        }
        Step::Unlink(_) => {
            assert!(!user.protected);
            let (_, drive) = user.bus.take().unwrap();
            let known = holder.record.at.as_ref().and_then(|at| at.volume.clone());
            assert_eq!(known.as_ref(), Some(&drive.file), "the record knows which unused volume it is");
            (user.unused, user.protected) = (Some("unused0".to_owned()), true);
        }
        Step::TakeBack(from) => {
            assert!(!user.running || from.starts_with("unused"), "a running machine gives no slot away");
            assert!(!user.elsewhere, "a volume is taken back on one node only");
            let known = holder.record.at.as_ref().and_then(|at| at.volume.clone());
            let file = user.bus.as_ref().map(|(_, drive)| drive.file.clone()).or(known).unwrap();
            let (storage, _) = file.split_once(':').unwrap();
            let file = format!("{storage}:vm-{HOLDER}-disk-0");
            let options = user.bus.take().map_or_else(|| Drive::new(&file), |_| tuned(&file));
            user.unused = None;
            holder.bus = Some(("scsi0".to_owned(), options));
        }
    }
    // What the holder keeps is old as long as the record says so.
    let from = holder.record.moving().map(|moving| moving.from.clone());
    if from.is_some() && holder.unused.as_ref().map(|(_, volume)| volume) == from.as_ref() {
        holder.old = holder.unused.take();
    } else if from.is_none() {
        holder.unused = holder.unused.take().or(holder.old.take());
    }
    let buses = usize::from(holder.bus.is_some()) + usize::from(user.bus.is_some());
    let kept = [holder.unused.is_some(), holder.old.is_some(), user.unused.is_some()];
    let kept = kept.into_iter().filter(|is_kept| *is_kept).count();
    assert!(buses <= 1, "the volume is on two buses after {step:?}");
    assert!(buses + kept >= 1, "the volume is lost after {step:?}");
}

/// Goes to a goal, and gives every sight on the way.
fn go(sight: &mut Sight, goal: &Goal) -> Vec<Sight> {
    let mut way = vec![sight.clone()];
    // Whoever comes anew does not know, and the machine may have moved.
    sight.backups_follow = false;
    sight.user.as_mut().unwrap().elsewhere = true;
    while let Some(step) = next(goal, sight).unwrap() {
        take(sight, &step);
        way.push(sight.clone());
        assert!(way.len() < 20, "{goal:?} is never reached: {step:?}");
    }
    way
}

fn at() -> Goal {
    Goal::At(id(USER), "scsi1".to_owned())
}

#[test]
fn after_every_step_both_goals_can_still_be_reached() {
    for ownership in [Ownership::Holder, Ownership::Transfer] {
        for running in [true, false] {
            let mut sight = parked(ownership);
            sight.user.as_mut().unwrap().running = running;
            let mut way = go(&mut sight, &at());
            assert!(sight.user.as_ref().unwrap().bus.is_some() && sight.holder.protected);
            assert_eq!(sight.user.as_ref().unwrap().protected, ownership == Ownership::Transfer);
            way.extend(go(&mut sight, &Goal::Parked));
            for interrupted in way {
                for goal in [at(), Goal::Parked] {
                    let mut again = interrupted.clone();
                    go(&mut again, &goal);
                    go(&mut again, &Goal::Parked);
                    let holder = &again.holder;
                    assert!(
                        holder.bus.is_some() && holder.protected && holder.record.at.is_none(),
                        "{again:?}"
                    );
                    assert!(
                        !again.user.unwrap().protected,
                        "it is not protected for a disk that it does not have"
                    );
                }
            }
        }
    }
}

/// An attached disk of a holder, wanted on another storage.
fn wanted_elsewhere(running: bool) -> Sight {
    let mut sight = parked(Ownership::Holder);
    sight.user.as_mut().unwrap().running = running;
    go(&mut sight, &at());
    sight.storage = Some("ds2".parse().unwrap());
    sight
}

#[test]
fn a_held_volume_moves_through_its_machine_and_can_be_interrupted_after_every_step() {
    for running in [true, false] {
        let mut sight = wanted_elsewhere(running);
        let way = go(&mut sight, &at());
        let user = sight.user.as_ref().unwrap();
        assert!(user.bus.as_ref().unwrap().1.file.starts_with("ds2:"), "{user:?}");
        assert_eq!(user.owns(), running, "only a machine that runs keeps the volume");
        assert_eq!(user.protected, running, "it is protected as long as it owns the volume");
        assert!(sight.holder.old.is_none() && sight.holder.record.moving().is_none());
        for interrupted in way {
            for (goal, storage) in [(at(), Some("ds2")), (at(), None), (Goal::Parked, Some("ds2"))] {
                let mut again = interrupted.clone();
                again.storage = storage.map(|name| name.parse().unwrap());
                go(&mut again, &goal);
                again.storage = None;
                assert!(again.holder.record.moving().is_none() && again.holder.old.is_none(), "{again:?}");
                go(&mut again, &Goal::Parked);
                let holder = &again.holder;
                assert!(holder.bus.is_some() && holder.protected && holder.record.at.is_none(), "{again:?}");
                assert!(
                    !again.user.unwrap().protected,
                    "it is not protected for a disk that it does not have"
                );
            }
        }
    }
}

#[test]
fn a_machine_that_is_stopped_gives_back_what_it_got_when_the_volume_moved() {
    let mut sight = wanted_elsewhere(true);
    go(&mut sight, &at());
    sight.user.as_mut().unwrap().running = false;
    go(&mut sight, &at());
    let user = sight.user.as_ref().unwrap();
    assert!(!user.owns() && !user.protected && user.bus.is_some());
    assert!(sight.holder.unused.is_some() && sight.holder.bus.is_none());
}

#[test]
fn a_volume_that_got_lost_on_its_way_is_not_replaced_by_the_older_copy() {
    let mut sight = wanted_elsewhere(true);
    while !matches!(next(&at(), &sight).unwrap(), Some(Step::Note(Some(Attachment { volume: Some(_), .. }))))
    {
        let step = next(&at(), &sight).unwrap().unwrap();
        take(&mut sight, &step);
    }
    // Somebody empties the slot before the record knows the copy.
    sight.user.as_mut().unwrap().bus = None;
    for goal in [at(), Goal::Parked] {
        assert_eq!(next(&goal, &sight), Err(Stuck::Unclear("ds:vm-901-disk-0".to_owned())));
    }
    // And puts the copy on the holder.
    sight.holder.bus = Some(("scsi0".to_owned(), tuned("ds2:vm-901-disk-1")));
    go(&mut sight, &Goal::Parked);
    assert!(sight.holder.old.is_none(), "the older one is deleted");
    assert_eq!(sight.holder.volume(), Some("ds2:vm-901-disk-1"));
}

#[test]
fn a_volume_on_two_buses_stays_with_the_machine_and_the_holder_lets_go() {
    let mut sight = parked(Ownership::Holder);
    sight.holder.protected = false;
    sight.user.as_mut().unwrap().bus = Some(("scsi1".to_owned(), drive(HOLDER)));
    sight.backups_follow = true;
    let mut steps = Vec::new();
    while let Some(step) = next(&at(), &sight).unwrap() {
        match &step {
            Step::Unprotect(at) => (sight.holder.record.at, sight.holder.protected) = (at.clone(), false),
            Step::Release(_) => {
                let (_, drive) = sight.holder.bus.take().unwrap();
                sight.holder.unused = Some(("unused0".to_owned(), drive.file));
                sight.holder.protected = true;
            }
            step => panic!("the machine is not touched: {step:?}"),
        }
        steps.push(step);
    }
    assert_eq!(steps.len(), 2, "{steps:?}");
}

#[test]
fn what_another_machine_has_is_not_taken() {
    let mut sight = parked(Ownership::Holder);
    go(&mut sight, &at());
    let other = Goal::At(id(103), "scsi1".to_owned());
    assert_eq!(next(&other, &sight), Err(Stuck::Elsewhere(id(USER))));
    let mut taken = parked(Ownership::Holder);
    taken.user.as_mut().unwrap().slot_taken = true;
    assert_eq!(next(&at(), &taken), Err(Stuck::SlotTaken));
    let mut leaving = parked(Ownership::Holder);
    go(&mut leaving, &at());
    leaving.user.as_mut().unwrap().leaving = true;
    assert_eq!(next(&Goal::Parked, &leaving), Err(Stuck::Leaving("scsi1".to_owned())));
    let mut lost = parked(Ownership::Transfer);
    lost.holder.bus = None;
    assert_eq!(next(&Goal::Parked, &lost), Err(Stuck::Lost));
    assert_eq!(next(&at(), &lost), Err(Stuck::Lost));
}
