//! Patterns for names: `*` stands for any characters, `?` for exactly one.

/// Whether a text matches a pattern with `*` and `?`. On a mismatch only the last `*` takes more, which is enough, so
/// no pattern takes long.
pub(crate) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((behind, from)) = star else { return false };
                star = Some((behind, from + 1));
                at = behind + 1;
                seen = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_whole_name() {
        for (pattern, name, matches) in [
            ("web-*", "web-1", true),
            ("web-*", "my-web-1", false),
            ("*", "", true),
            ("", "web", false),
            ("w?b", "web", true),
            ("w?b", "wb", false),
            ("*-db-*-x", "a-db-1-y-db-2-x", true),
            ("*a*a*b", "aaaaaaaaaaaaaaaaaaaaaa", false),
            ("ü?", "üx", true),
        ] {
            assert_eq!(matches_pattern(pattern, name), matches, "{pattern:?} {name:?}");
        }
    }
}
