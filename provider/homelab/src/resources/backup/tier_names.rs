//! What the backup tiers are called: the comments of their pools say so, and the plans of the same run.

use pve_client::Pool;
use tf_framework::prelude::*;

use super::policy::Policy;
use super::tier_number::TierNumber;

/// The tiers that there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TierNames {
    /// What each is called; nothing where the comment of its pool does not say.
    names: BTreeMap<TierNumber, Option<String>>,
}

impl TierNames {
    /// As pools tell.
    pub(crate) fn of(pools: &[Pool]) -> Self {
        let name = |pool: &Pool| {
            let number = TierNumber::of_pool(&pool.name)?;
            let policy = pool.comment.as_deref().and_then(Policy::read);
            Some((number, policy.filter(|policy| policy.number == number).map(|policy| policy.name)))
        };
        Self { names: pools.iter().filter_map(name).collect() }
    }

    /// As they are once what a run plans is done: `planned` has nothing for a tier that goes.
    pub(crate) fn after(&self, planned: &BTreeMap<TierNumber, Option<String>>) -> Self {
        let mut names = self.names.clone();
        for (number, name) in planned {
            match name {
                Some(name) => drop(names.insert(*number, Some(name.clone()))),
                None => drop(names.remove(number)),
            }
        }
        Self { names }
    }

    /// The tiers of a name; more than one if somebody has given it twice.
    pub(crate) fn called(&self, name: &str) -> Vec<TierNumber> {
        let fits = |(_, found): &(&TierNumber, &Option<String>)| found.as_deref() == Some(name);
        self.names.iter().filter(fits).map(|(number, _)| *number).collect()
    }

    /// Whether there is a tier that does not say what it is called.
    pub(crate) fn is_silent(&self, number: TierNumber) -> bool {
        self.names.get(&number).is_some_and(Option::is_none)
    }

    /// All of them, for people.
    pub(crate) fn list(&self) -> String {
        let named = self.names.iter().filter_map(|(number, name)| Some((number, name.as_ref()?)));
        let list: Vec<String> = named.map(|(number, name)| format!("{name:?} ({number})")).collect();
        if list.is_empty() { "none".to_owned() } else { list.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(name: &str, comment: &str) -> Pool {
        Pool {
            name: name.parse().unwrap(),
            comment: Some(comment.to_owned()),
            vms: BTreeSet::new(),
            storages: BTreeSet::new(),
        }
    }

    fn number(number: i64) -> TierNumber {
        TierNumber::try_from(number).unwrap()
    }

    #[test]
    fn names_are_those_of_comments_and_of_plans() {
        let comment = |number: u8, name: &str| format!("Backup tier {number} ({name}); never backed up");
        let found = TierNames::of(&[
            pool("tier-1", &comment(1, "databases")),
            pool("tier-2", "mine"),
            pool("tier-3", &comment(1, "databases")),
            pool("tier-4", &comment(4, "scratch")),
            pool("web", &comment(0, "web")),
        ]);
        assert_eq!(found.called("databases"), [number(1)], "the comment of another tier says nothing");
        assert_eq!(found.called("web"), []);
        assert!(found.is_silent(number(2)) && !found.is_silent(number(0)) && !found.is_silent(number(1)));
        assert_eq!(found.list(), "\"databases\" (1), \"scratch\" (4)");
        let planned = [
            (number(1), None),
            (number(2), Some("databases".to_owned())),
            (number(4), Some("databases".to_owned())),
        ];
        let after = found.after(&planned.into());
        assert_eq!(after.called("databases"), [number(2), number(4)]);
        assert_eq!(after.called("scratch"), []);
        assert_eq!(TierNames::default().list(), "none");
    }
}
