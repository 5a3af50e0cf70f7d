//! Rules for single values. The framework skips null and not yet known values before asking a rule.

use std::fmt;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use crate::number::Number;
use crate::value::Value;

/// A rule for a known value.
pub trait Validator: fmt::Debug + Send + Sync {
    /// What is wrong, as a full sentence, or nothing.
    fn check(&self, value: &Value) -> Option<String>;

    /// The rule for the documentation, for example "Between 1 and 64".
    fn describe(&self) -> String;
}

impl Validator for Arc<dyn Validator> {
    fn check(&self, value: &Value) -> Option<String> {
        (**self).check(value)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }
}

/// See [`length`].
#[derive(Clone, Copy, Debug)]
pub struct Length {
    least: usize,
    most: usize,
}

/// Characters of a string, or elements of a collection, between two bounds, both included.
pub fn length(least: usize, most: usize) -> Length {
    Length { least, most }
}

impl Validator for Length {
    fn check(&self, value: &Value) -> Option<String> {
        let (count, what) = match value {
            Value::String(text) => (text.chars().count(), "characters"),
            Value::List(items) | Value::Set(items) | Value::Tuple(items) => (items.len(), "elements"),
            Value::Map(entries) | Value::Object(entries) => (entries.len(), "elements"),
            _ => return None,
        };
        let fits = (self.least..=self.most).contains(&count);
        (!fits).then(|| {
            let wanted = match (self.least, self.most) {
                (1, usize::MAX) => format!("at least one {}", what.trim_end_matches('s')),
                (least, usize::MAX) => format!("at least {least} {what}"),
                (least, most) => format!("between {least} and {most} {what}"),
            };
            format!("This argument must have {wanted}; it has {count}.")
        })
    }

    fn describe(&self) -> String {
        match (self.least, self.most) {
            (least, usize::MAX) => format!("Length at least {least}."),
            (least, most) => format!("Length {least} to {most}."),
        }
    }
}

/// See [`not_empty`].
#[derive(Clone, Copy, Debug)]
pub struct NotEmpty;

/// An object in which something is set. Where a service keeps only what is set, it would not keep the object either.
pub fn not_empty() -> NotEmpty {
    NotEmpty
}

impl Validator for NotEmpty {
    fn check(&self, value: &Value) -> Option<String> {
        let Value::Object(arguments) = value else { return None };
        let is_empty = arguments.values().all(Value::is_null);
        is_empty.then(|| "Nothing is set in this argument. Set something in it, or leave it out.".to_owned())
    }

    fn describe(&self) -> String {
        "At least one argument inside must be set.".to_owned()
    }
}

/// See [`range`].
#[derive(Clone, Debug)]
pub struct Range {
    least: Number,
    most: Number,
}

/// A number between two bounds, both included.
pub fn range(least: i64, most: i64) -> Range {
    Range { least: least.into(), most: most.into() }
}

impl Range {
    /// Whether there is no upper bound but that of numbers.
    fn is_open(&self) -> bool {
        self.most == i64::MAX.into()
    }
}

impl Validator for Range {
    fn check(&self, value: &Value) -> Option<String> {
        let number = value.as_number()?;
        let fits = *number >= self.least && *number <= self.most;
        (!fits).then(|| {
            let wanted = if self.is_open() {
                format!("{} or more", self.least)
            } else {
                format!("between {} and {}", self.least, self.most)
            };
            format!("This argument must be {wanted}; it is {number}.")
        })
    }

    fn describe(&self) -> String {
        if self.is_open() {
            format!("{} or more.", self.least)
        } else {
            format!("Between {} and {}.", self.least, self.most)
        }
    }
}

/// See [`one_of`].
#[derive(Clone, Debug)]
pub struct OneOf(Vec<String>);

/// One of a fixed list of strings.
pub fn one_of<S: Into<String>>(choices: impl IntoIterator<Item = S>) -> OneOf {
    OneOf(choices.into_iter().map(Into::into).collect())
}

impl Validator for OneOf {
    fn check(&self, value: &Value) -> Option<String> {
        let text = value.as_str()?;
        let known = self.0.iter().any(|choice| choice == text);
        (!known).then(|| format!("This argument must be one of {}; it is {text:?}.", quoted(&self.0, "\"")))
    }

    fn describe(&self) -> String {
        format!("One of {}.", quoted(&self.0, "`"))
    }
}

fn quoted(choices: &[String], mark: &str) -> String {
    choices.iter().map(|choice| format!("{mark}{choice}{mark}")).collect::<Vec<_>>().join(", ")
}

/// See [`matches()`].
#[derive(Clone, Copy)]
pub struct Matches {
    accepts: fn(&str) -> bool,
    rule: &'static str,
}

/// A string that `accepts` accepts; `rule` completes "This argument must be …".
pub fn matches(rule: &'static str, accepts: fn(&str) -> bool) -> Matches {
    Matches { accepts, rule }
}

impl fmt::Debug for Matches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Matches").field(&self.rule).finish()
    }
}

impl Validator for Matches {
    fn check(&self, value: &Value) -> Option<String> {
        debug_assert!(value.as_elements().is_none(), "of a collection `each` element has to match: {self:?}");
        let text = value.as_str()?;
        (!(self.accepts)(text)).then(|| format!("This argument must be {}.", self.rule))
    }

    fn describe(&self) -> String {
        format!("Must be {}.", self.rule)
    }
}

/// What is said of a text that its type does not read. Most types name it themselves, at the beginning.
pub(crate) fn unreadable(text: &str, error: impl Display) -> String {
    let error = error.to_string();
    if error.starts_with(&format!("{text:?} ")) {
        return format!("The value {error}.");
    }
    format!("The value {text:?} cannot be used: {error}.")
}

/// See [`parses`].
pub struct Parses<T>(std::marker::PhantomData<fn() -> T>);

/// A string, or every string of a collection, that `T` reads; the message is `T`'s own.
pub fn parses<T>() -> Parses<T> {
    Parses(std::marker::PhantomData)
}

impl<T> fmt::Debug for Parses<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parses")
    }
}

impl<T: FromStr<Err: Display>> Validator for Parses<T> {
    fn check(&self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => text.parse::<T>().err().map(|error| unreadable(text, error)),
            Value::List(items) | Value::Set(items) => items.iter().find_map(|item| self.check(item)),
            Value::Map(entries) => entries.values().find_map(|item| self.check(item)),
            _ => None,
        }
    }

    fn describe(&self) -> String {
        String::new()
    }
}

/// See [`number`].
pub(crate) struct Kind<F> {
    rule: &'static str,
    fits: F,
}

/// A number, or every number of a collection, of which `fits` is true; the Rust type of a field brings it along.
pub(crate) fn number<F: Fn(&Value) -> bool>(rule: &'static str, fits: F) -> Kind<F> {
    Kind { rule, fits }
}

impl<F> fmt::Debug for Kind<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kind").field(&self.rule).finish()
    }
}

impl<F: Fn(&Value) -> bool + Send + Sync> Validator for Kind<F> {
    fn check(&self, value: &Value) -> Option<String> {
        match value {
            Value::Number(number) if !(self.fits)(value) => {
                Some(format!("This argument must be {}; it is {number}.", self.rule))
            }
            Value::List(items) | Value::Set(items) => items.iter().find_map(|item| self.check(item)),
            Value::Map(entries) => entries.values().find_map(|item| self.check(item)),
            _ => None,
        }
    }

    fn describe(&self) -> String {
        String::new()
    }
}

/// See [`each`].
#[derive(Debug)]
pub struct Each<V>(V);

/// Applies a rule to every element of a collection.
pub fn each<V: Validator>(rule: V) -> Each<V> {
    Each(rule)
}

impl<V: Validator> Validator for Each<V> {
    fn check(&self, value: &Value) -> Option<String> {
        match value {
            Value::List(items) | Value::Set(items) => {
                items.iter().filter(|item| item.is_set()).find_map(|item| {
                    let wrong = self.0.check(item)?;
                    let text = item.as_str().map(|text| format!("{text:?}"));
                    Some(match text.filter(|text| !wrong.contains(text)) {
                        Some(text) => format!("{wrong} The element {text} is not."),
                        None => wrong,
                    })
                })
            }
            Value::Map(entries) => {
                entries.iter().filter(|(_, item)| item.is_set()).find_map(|(key, item)| {
                    Some(format!("{} This is the element {key:?}.", self.0.check(item)?))
                })
            }
            _ => None,
        }
    }

    fn describe(&self) -> String {
        format!("Each element: {}", self.0.describe())
    }
}
