//! Which settings a read reports, and what a write is asked to do with each.

use tf_framework::prelude::*;

/// Which settings a read reports: those that the state names, or everything there is.
#[derive(Debug)]
pub(super) enum Named<'a, T> {
    /// Whatever the machine has: the state is not known yet.
    Everything,
    /// What this part of the state names.
    Only(&'a T),
    /// The state does not name this part.
    Nothing,
}

impl<T> Clone for Named<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Named<'_, T> {}

impl<'a, T> Named<'a, T> {
    /// What a state names; without a state, everything.
    pub(super) fn by(prior: Option<&'a T>) -> Self {
        prior.map_or(Self::Everything, Self::Only)
    }

    /// The same for one setting inside.
    pub(super) fn of<U>(self, field: impl FnOnce(&'a T) -> &'a Option<U>) -> Named<'a, U> {
        match self {
            Self::Everything => Named::Everything,
            Self::Only(part) => field(part).as_ref().map_or(Named::Nothing, Named::Only),
            Self::Nothing => Named::Nothing,
        }
    }

    /// What the state says, if it names this.
    pub(super) fn stated(self) -> Option<&'a T> {
        match self {
            Self::Only(value) => Some(value),
            _ => None,
        }
    }

    /// A setting: what the service has; the service's default where it has none but the state names one.
    pub(super) fn or(self, found: Option<T>, default: impl Into<T>) -> Option<T> {
        match self {
            Self::Everything => found,
            Self::Only(_) => Some(found.unwrap_or_else(|| default.into())),
            Self::Nothing => None,
        }
    }

    /// A setting without a default of its own.
    pub(super) fn found(self, found: Option<T>) -> Option<T> {
        match self {
            Self::Nothing => None,
            _ => found,
        }
    }

    /// An object with values for what nobody names: reported if the service has it, or if the state names it.
    pub(super) fn filled(self, is_there: bool, read: impl FnOnce(Self) -> T) -> Option<T> {
        match self {
            Self::Everything if !is_there => None,
            Self::Nothing => None,
            _ => Some(read(self)),
        }
    }

    /// An object of settings; one without any is not reported unless the state names it.
    pub(super) fn object(self, read: impl FnOnce(Self) -> T) -> Option<T>
    where
        T: Default + PartialEq,
    {
        match self {
            Self::Everything => Some(read(self)).filter(|object| *object != T::default()),
            Self::Only(_) => Some(read(self)),
            Self::Nothing => None,
        }
    }
}

impl<'a, V> Named<'a, BTreeMap<String, V>> {
    /// The entries of a map: those that the state names and the service has, or all that it has.
    pub(super) fn entries(
        self,
        found: impl IntoIterator<Item = String>,
        mut read: impl FnMut(Named<'a, V>, &str) -> Option<V>,
    ) -> Option<BTreeMap<String, V>> {
        let entry = |slot: String| {
            let inner = match self {
                Self::Everything => Named::Everything,
                Self::Only(map) => Named::Only(map.get(&slot)?),
                Self::Nothing => return None,
            };
            let value = read(inner, &slot)?;
            Some((slot, value))
        };
        let entries: BTreeMap<String, V> = found.into_iter().filter_map(entry).collect();
        match self {
            Self::Everything => Some(entries).filter(|entries| !entries.is_empty()),
            Self::Only(_) => Some(entries),
            Self::Nothing => None,
        }
    }
}

/// One part of the model before and after: before is missing at creation.
#[derive(Debug)]
pub(super) struct Pair<'a, T> {
    /// What the state names.
    pub prior: Option<&'a T>,
    /// What the plan names.
    pub want: Option<&'a T>,
}

impl<T> Clone for Pair<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pair<'_, T> {}

impl<'a, T> Pair<'a, T> {
    /// The part inside.
    pub(super) fn of<U>(self, field: impl Fn(&'a T) -> &'a Option<U>) -> Pair<'a, U> {
        let inner = |part: Option<&'a T>| part.and_then(|part| field(part).as_ref());
        Pair { prior: inner(self.prior), want: inner(self.want) }
    }

    /// What to do with a setting: one that is named is set, one that is named no more is cleared, any other stays.
    pub(super) fn wish<U>(self, field: impl Fn(&'a T) -> &'a Option<U>) -> Edit<&'a U> {
        self.of(field).edit()
    }

    /// The same for a boolean.
    pub(super) fn flag(self, field: impl Fn(&'a T) -> &'a Option<bool>) -> Edit<bool> {
        self.wish(field).map(|value| *value)
    }

    /// The same for a setting that has a value where nobody names it.
    pub(super) fn filled<U>(self, field: impl Fn(&'a T) -> &'a Defaulted<U>) -> Edit<&'a U> {
        let inner = |part: Option<&'a T>| part.and_then(|part| field(part).known());
        Pair { prior: inner(self.prior), want: inner(self.want) }.edit()
    }

    /// The same for this part itself.
    pub(super) fn edit(self) -> Edit<&'a T> {
        match (self.prior, self.want) {
            (_, Some(want)) => Edit::Set(want),
            (Some(_), None) => Edit::Clear,
            (None, None) => Edit::Keep,
        }
    }
}

impl<'a, V> Pair<'a, BTreeMap<String, V>> {
    /// The slots that are named now or were named before.
    pub(super) fn slots(self) -> BTreeMap<&'a str, Pair<'a, V>> {
        let mut slots: BTreeMap<&str, Pair<'a, V>> = BTreeMap::new();
        let nothing = || Pair { prior: None, want: None };
        for (slot, value) in self.prior.into_iter().flatten() {
            slots.entry(slot).or_insert_with(nothing).prior = Some(value);
        }
        for (slot, value) in self.want.into_iter().flatten() {
            slots.entry(slot).or_insert_with(nothing).want = Some(value);
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_reported_only_if_the_state_names_it() {
        let (some, none) = (Some(2), None);
        assert_eq!(Named::by(Some(&some)).of(|x| x).or(Some(3), 1), Some(3));
        assert_eq!(Named::by(Some(&some)).of(|x| x).or(None, 1), Some(1));
        assert_eq!(Named::by(Some(&none)).of(|x| x).or(Some(3), 1), None::<i32>);
        assert_eq!(Named::<Option<i32>>::by(None).of(|x| x).or(Some(3), 1), Some(3));
        assert_eq!(Named::<Option<i32>>::by(None).of(|x| x).or(None, 1), None);
    }

    #[test]
    fn a_setting_that_is_named_no_more_is_cleared_and_one_never_named_stays() {
        let (some, none) = (Some(1), None);
        assert_eq!(Pair { prior: Some(&some), want: Some(&none) }.wish(|x| x), Edit::Clear);
        assert_eq!(Pair { prior: Some(&none), want: Some(&none) }.wish(|x| x), Edit::Keep::<&i32>);
        assert_eq!(Pair { prior: None, want: Some(&some) }.wish(|x| x), Edit::Set(&1));
    }
}
