//! Sets of small numbers: the values that one field of a calendar event admits.

/// One item of a written list: `first`, `first..last`, `first/step`, `first..last/step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub first: u32,
    pub last: u32,
    /// At least 1.
    pub step: u32,
}

impl Part {
    /// The smallest admitted value that is not below `value`.
    pub fn at_or_after(self, value: u32) -> Option<u32> {
        let steps = value.saturating_sub(self.first).div_ceil(self.step);
        let found = self.first + steps * self.step;
        (found <= self.last).then_some(found)
    }
}

/// Numbers below 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    /// Every number from `first` to `last`.
    pub fn range(first: u32, last: u32) -> Self {
        Self::of(&[Part { first, last, step: 1 }])
    }

    /// What the items admit.
    pub fn of(parts: &[Part]) -> Self {
        let mut bits = 0;
        for part in parts {
            let mut next = part.at_or_after(part.first);
            while let Some(value) = next {
                bits |= 1 << value;
                next = part.at_or_after(value + 1);
            }
        }
        Self(bits)
    }

    pub fn contains(self, value: u32) -> bool {
        self.at_or_after(value) == Some(value)
    }

    /// The smallest member that is not below `value`.
    pub fn at_or_after(self, value: u32) -> Option<u32> {
        let rest = self.0.checked_shr(value)?;
        (rest != 0).then(|| value + rest.trailing_zeros())
    }

    pub fn first(self) -> Option<u32> {
        self.at_or_after(0)
    }

    pub fn last(self) -> Option<u32> {
        self.0.checked_ilog2()
    }

    /// The member of a set that has one.
    pub fn only(self) -> Option<u32> {
        self.first().filter(|_| self.0.count_ones() == 1)
    }

    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_counts_from_the_first_value() {
        let part = Part { first: 1, last: 12, step: 3 };
        assert_eq!((1..=12).filter_map(|value| part.at_or_after(value)).max(), Some(10));
        assert_eq!(part.at_or_after(5), Some(7));
        assert_eq!(part.at_or_after(11), None);
    }

    #[test]
    fn the_highest_number_is_a_member() {
        let set = Set::range(0, 63);
        assert_eq!((set.first(), set.last(), set.at_or_after(64)), (Some(0), Some(63), None));
    }
}
