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
    Drive::new(format!("ds:vm-{owner}-disk-0")).with("serial", "disk-k").with("backup", 1)
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
        protected: true,
        record,
    };
    Sight { holder, user: Some(user(true)), backups_follow: false }
}

fn user(running: bool) -> UserSight {
    UserSight {
        id: id(USER),
        bus: None,
        leaving: false,
        unused: None,
        running,
        elsewhere: true,
        protected: false,
        owns_others: false,
        slot_taken: false,
    }
}

/// What Proxmox VE makes of a step.
fn take(sight: &mut Sight, step: &Step) {
    let Sight { holder, user: Some(user), backups_follow } = sight else { panic!("there is a machine") };
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
            (holder.bus, holder.unused) = (Some((slot, drive(HOLDER))), None);
            (holder.record.at, holder.protected) = (at, true);
        }
        Step::Plug(slot) => user.bus = Some((slot, drive(HOLDER))),
        Step::Unplug(_) => {
            assert!(!user.protected && !user.owns(), "only what is referred to goes without a trace");
            user.bus = None;
        }
        Step::Tune(slot) => user.bus = Some((slot, drive(if user.owns() { USER } else { HOLDER }))),
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
            let file = format!("ds:vm-{HOLDER}-disk-0");
            let options = user.bus.take().map_or_else(|| Drive::new(&file), |_| drive(HOLDER));
            user.unused = None;
            holder.bus = Some(("scsi0".to_owned(), options));
        }
    }
    let buses = usize::from(holder.bus.is_some()) + usize::from(user.bus.is_some());
    let kept = usize::from(holder.unused.is_some()) + usize::from(user.unused.is_some());
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
