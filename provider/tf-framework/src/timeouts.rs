//! The `timeouts` argument that every resource has.

use std::sync::Arc;
use std::time::Duration;

use crate::schema::{Attribute, Mode, Nesting, Shape};
use crate::types::Type;
use crate::validators::matches;
use crate::value::Value;

/// Name of the argument.
pub(crate) const NAME: &str = "timeouts";

pub(crate) const VERBS: [&str; 4] = ["create", "read", "update", "delete"];

/// The argument, with the defaults in its description.
pub(crate) fn attribute(defaults: &[Duration; 4]) -> Attribute {
    let attributes = VERBS.iter().zip(defaults).map(|(verb, default)| {
        let description = format!("Time limit of each {verb}. Default {}.", show(*default));
        let mut attribute = Attribute::new(*verb, Shape::Plain(Type::String), Mode::Optional, description);
        attribute
            .validators
            .push(Arc::new(matches("a duration such as \"90s\", \"20m\" or \"1h30m\"", |text| {
                parse(text).is_some()
            })));
        attribute
    });
    let shape = Shape::Nested { nesting: Nesting::Single, attributes: attributes.collect() };
    Attribute::new(NAME, shape, Mode::Optional, "How long operations may take before they are given up.")
}

/// The timeout of a verb in a state or configuration; the default when there is none.
pub(crate) fn of(value: &Value, verb: usize, defaults: &[Duration; 4]) -> Duration {
    let configured = value.attribute(NAME).attribute(VERBS[verb]).as_str().and_then(parse);
    configured.unwrap_or(defaults[verb])
}

/// Reads a duration such as `1h30m`.
fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(seconds)?)?;
        rest = &rest[digits + 1..];
    }
    // Deadlines are instants: a thousand days is beyond any use and still far from overflow.
    (1..=86_400_000).contains(&total).then(|| Duration::from_secs(total))
}

fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds.is_multiple_of(60) { format!("{}m", seconds / 60) } else { format!("{seconds}s") }
}
