//! Proxmox's lists of numbers and ranges, such as `10;20-22`.

use std::collections::BTreeSet;

use pve_client::PropertyString;
use tf_framework::Edit;

/// The largest number that a list may be asked to expand to.
const LARGEST: u32 = 4094;

/// The numbers of a text.
pub(super) fn parse(text: &str) -> BTreeSet<u32> {
    let part = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?.min(LARGEST))
    };
    text.split(';').filter_map(part).flatten().collect()
}

/// The text of the numbers, each by itself.
pub(super) fn print(numbers: &BTreeSet<u32>) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(";")
}

/// Changes an option that is such a list; a present one of the same numbers keeps its spelling.
pub(super) fn option(property: &mut PropertyString, key: &str, wish: Edit<&BTreeSet<u32>>) {
    match wish {
        Edit::Set(wanted) if property.value(key).map(parse).unwrap_or_default() == *wanted => {}
        Edit::Set(wanted) if wanted.is_empty() => property.set(key, None::<&str>),
        wish => super::writes::option(property, key, wish.map(print)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_numbers_are_the_same_set_and_keep_their_spelling() {
        assert_eq!(parse("0-2;5"), [0, 1, 2, 5].into());
        assert_eq!(print(&[5, 0].into()), "0;5");
        let mut found = PropertyString::parse("cpus=0-2", None).unwrap();
        option(&mut found, "cpus", Edit::Set(&[0, 1, 2].into()));
        assert_eq!(found.to_string(), "cpus=0-2");
        option(&mut found, "cpus", Edit::Set(&[0, 1].into()));
        assert_eq!(found.to_string(), "cpus=0;1");
    }
}
