//! The attributes of a page: required, optional and read-only ones, then those nested in them.

use std::fmt::Write as _;

use crate::schema::{Attribute, Mode, Nesting, Shape};
use crate::types::Type;

/// Writes the section of a whole schema.
pub(super) fn section(page: &mut String, attributes: &[Attribute]) {
    if attributes.is_empty() {
        return;
    }
    page.push_str("\n## Schema\n");
    groups(page, attributes, "");
    nested_sections(page, attributes, "");
}

fn groups(page: &mut String, attributes: &[Attribute], path: &str) {
    let groups: [(&str, &[Mode]); 3] = [
        ("Required", &[Mode::Required]),
        ("Optional", &[Mode::Optional, Mode::OptionalComputed]),
        ("Read-Only", &[Mode::Computed]),
    ];
    for (title, modes) in groups {
        let mut members: Vec<_> =
            attributes.iter().filter(|attribute| modes.contains(&attribute.mode)).collect();
        if members.is_empty() {
            continue;
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        // A nested section is a heading by itself, so its groups are not.
        let title = if path.is_empty() { format!("### {title}") } else { format!("{title}:") };
        let _ = write!(page, "\n{title}\n\n");
        for attribute in members {
            let _ = writeln!(page, "- {}", line(attribute, path));
        }
    }
}

fn nested_sections(page: &mut String, attributes: &[Attribute], path: &str) {
    let mut members: Vec<_> = attributes.iter().filter(|attribute| attribute.nested().is_some()).collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    for attribute in members {
        let Some((_, inner)) = attribute.nested() else { continue };
        let path = below(path, &attribute.name);
        let anchor = anchor(&path);
        let _ = write!(page, "\n<a id=\"{anchor}\"></a>\n### Nested Schema for `{path}`\n");
        groups(page, inner, &path);
        nested_sections(page, inner, &path);
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn anchor(path: &str) -> String {
    format!("nestedatt--{}", path.replace('.', "--"))
}

fn line(attribute: &Attribute, path: &str) -> String {
    let mut words = vec![type_words(&attribute.shape)];
    let flags = [(attribute.sensitive, "Sensitive"), (attribute.write_only, "Write-only")];
    words.extend(flags.into_iter().filter(|(on, _)| *on).map(|(_, word)| word.to_owned()));
    let mut text = format!("`{}` ({})", attribute.name, words.join(", "));
    for sentence in sentences(attribute) {
        let _ = write!(text, " {sentence}");
    }
    if attribute.nested().is_some() {
        let anchor = anchor(&below(path, &attribute.name));
        let _ = write!(text, " (see [below for nested schema](#{anchor}))");
    }
    text
}

/// What there is to say of an attribute, its description first.
fn sentences(attribute: &Attribute) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(reason) = &attribute.deprecated {
        sentences.push(format!("**Deprecated** {}", reason.trim()));
    }
    let description = attribute.description.split_whitespace().collect::<Vec<_>>().join(" ");
    sentences.push(description);
    sentences.extend(
        attribute.validators.iter().map(|rule| rule.describe()).filter(|rule| !rule.trim().is_empty()),
    );
    // What the author has said already is not said again.
    let says = |word: &str| attribute.description.contains(word);
    if let Some(default) = attribute.default.as_ref().filter(|_| !says("Default")) {
        sentences.push(format!("Default: `{}`.", default.to_json()));
    } else if attribute.mode == Mode::OptionalComputed && attribute.default.is_none() {
        sentences.push("Filled in by the service when not set.".to_owned());
    }
    if attribute.replace && !says("replace") {
        sentences.push("A change replaces the object.".to_owned());
    }
    if attribute.create_only {
        sentences.push("Matters only when the object is created; a later change does nothing.".to_owned());
    }
    if let Some(wire) = attribute.wire.as_ref().filter(|wire| **wire != attribute.name) {
        sentences.push(format!("In the API: `{wire}`."));
    }
    sentences
}

fn type_words(shape: &Shape) -> String {
    match shape {
        Shape::Plain(ty) => of_type(ty),
        Shape::Nested { nesting, .. } => match nesting {
            Nesting::Single => "Attributes".to_owned(),
            Nesting::List => "Attributes List".to_owned(),
            Nesting::Set => "Attributes Set".to_owned(),
            Nesting::Map => "Attributes Map".to_owned(),
        },
    }
}

fn of_type(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::Dynamic => "Dynamic".to_owned(),
        Type::List(inner) => format!("List of {}", of_type(inner)),
        Type::Set(inner) => format!("Set of {}", of_type(inner)),
        Type::Map(inner) => format!("Map of {}", of_type(inner)),
        Type::Tuple(_) => "Tuple".to_owned(),
        Type::Object(_) => "Object".to_owned(),
    }
}
