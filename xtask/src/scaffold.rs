//! `new <system> <noun>`: the files that a resource begins with, and its line in the list of its system.

use std::path::Path;

use crate::Outcome;
use crate::process::root;

/// Writes the resource, its example and its acceptance test, and registers it; refuses to overwrite.
pub fn run(system: &str, noun: &str) -> Outcome {
    for word in [system, noun] {
        let plain = word
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
        if !plain || !word.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            return Err(format!("\"{word}\" is not a name in snake_case"));
        }
    }
    let kind = type_name(noun);
    let name = format!("{system}_{noun}");
    let list = format!("provider/homelab/src/resources/{system}/mod.rs");
    let listed = std::fs::read_to_string(root().join(&list))
        .map_err(|error| format!("there is no system {system}: cannot read {list}: {error}"))?;
    let listed = registered(&listed, noun, &kind)?;
    write(&format!("provider/homelab/src/resources/{system}/{noun}.rs"), &resource(&name, &kind, noun))?;
    write(
        &format!("examples/resources/homelab_{name}/resource.tf"),
        &format!("resource \"homelab_{name}\" \"example\" {{\n  name = \"example\"\n}}\n"),
    )?;
    write(
        &format!("examples/resources/homelab_{name}/import.sh"),
        &format!("tofu import homelab_{name}.example example\n"),
    )?;
    write(&format!("acceptance-tests/suite/tests/{noun}.rs"), &acceptance_test(&name, noun))?;
    std::fs::write(root().join(&list), listed).map_err(|error| format!("cannot write {list}: {error}"))?;
    println!("added {noun}::{kind} to {list}");
    println!(
        "next: fill in the four functions, then the steps of its test; `cargo xtask docs` writes its page"
    );
    Ok(())
}

fn write(path: &str, text: &str) -> Outcome {
    let file = root().join(path);
    if file.exists() {
        return Err(format!("{path} is there already"));
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    std::fs::write(&file, text).map_err(|error| format!("cannot write {path}: {error}"))?;
    println!("wrote {path}");
    Ok(())
}

fn type_name(noun: &str) -> String {
    noun.split('_')
        .map(|word| word[..1.min(word.len())].to_ascii_uppercase() + word.get(1..).unwrap_or_default())
        .collect()
}

/// The list of a system with one more resource: its module and its registration, each in the order of the alphabet.
fn registered(list: &str, noun: &str, kind: &str) -> Outcome<String> {
    let module = |line: &str| {
        let rest = line.strip_prefix("pub(crate) ").unwrap_or(line);
        Some(rest.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
    };
    let resource = |line: &str| {
        let (path, _) = line.trim_start().strip_prefix(".resource::<")?.split_once('>')?;
        Some(path.to_owned())
    };
    let list = inserted(list, noun, module, &format!("mod {noun};"))?;
    let path = format!("{noun}::{kind}");
    let list = inserted(&list, &path, resource, &format!("        .resource::<{path}>()"))?;
    // Only the last of a chain ends the statement.
    Ok(list.replace(">();\n        .resource", ">()\n        .resource"))
}

/// The text with one more line among those that have a key, before the first that comes later.
fn inserted(text: &str, key: &str, of: impl Fn(&str) -> Option<String>, new: &str) -> Outcome<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let keys: Vec<(usize, String)> =
        lines.iter().enumerate().filter_map(|(at, line)| Some((at, of(line)?))).collect();
    if keys.iter().any(|(_, known)| known == key) {
        return Err(format!("{key} is in the list already"));
    }
    let (last, _) = keys.last().ok_or_else(|| format!("the list has no place for {key}"))?;
    let later = keys.iter().find(|(_, known)| known.as_str() > key);
    let ended = format!("{new};");
    match later {
        Some((at, _)) => lines.insert(*at, new),
        None if lines[*last].ends_with(">();") => lines.insert(last + 1, &ended),
        None => lines.insert(last + 1, new),
    }
    Ok(lines.join("\n") + "\n")
}

fn resource(name: &str, kind: &str, noun: &str) -> String {
    let words = noun.replace('_', " ");
    format!(
        r#"//! `homelab_{name}`: say in one line what it is.

use tf_framework::prelude::*;

use crate::cx::Cx;

/// Say what it is for, and what deleting it does.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "{name}")]
pub struct {kind} {{
    /// Name of the {words}. A change replaces it.
    #[schema(replace)]
    pub name: String,
}}

fn unwritten() -> Error {{
    Error::new("Not written yet", "The resource `homelab_{name}` cannot do this yet.")
}}

impl Resource for {kind} {{
    type Cx = Cx;
    type Id = String;

    fn id(&self) -> String {{
        self.name.clone()
    }}

    async fn create(_cx: &Cx, _want: &Self) -> Result<String> {{
        Err(unwritten())
    }}

    async fn read(_cx: &Cx, _id: &String, _prior: Option<&Self>) -> Result<Option<Self>> {{
        Err(unwritten())
    }}

    async fn update(_cx: &Cx, _id: &String, _change: Change<'_, Self>) -> Result<()> {{
        Err(unwritten())
    }}

    async fn delete(_cx: &Cx, _id: &String, _prior: &Self) -> Result<()> {{
        Err(unwritten())
    }}
}}
"#
    )
}

fn acceptance_test(name: &str, noun: &str) -> String {
    format!(
        r#"//! `homelab_{name}`, from creation to nothing left, with every CLI.

use suite::cycle::live;

/// A configuration with further arguments.
fn {noun}(arguments: &str) -> String {{
    format!("resource \"homelab_{name}\" \"this\" {{{{\n  name = \"acceptance\"\n  {{arguments}}\n}}}}\n")
}}

#[test]
fn a_{noun}_lives_and_leaves_nothing() {{
    // Each step is a change of the one before.
    let steps = [{noun}("")];
    live(&steps, &[("homelab_{name}.this", "acceptance")], |lab| {{
        assert!(!lab.state().to_string().contains("acceptance"));
    }});
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "//! Resources.\n\nmod acl;\npub(crate) mod pool;\n\nfn register() {\n    registry\n        \
                        .resource::<acl::Acl>()\n        .resource::<pool::Pool>();\n}\n";

    #[test]
    fn a_noun_becomes_a_type_name() {
        assert_eq!(type_name("data_disk"), "DataDisk");
    }

    #[test]
    fn a_resource_is_registered_in_the_order_of_the_alphabet() {
        let list = registered(LIST, "group", "Group").unwrap();
        assert!(list.contains("mod acl;\nmod group;\npub(crate) mod pool;\n"), "{list}");
        assert!(list.contains("<acl::Acl>()\n        .resource::<group::Group>()\n"), "{list}");
        let list = registered(LIST, "role", "Role").unwrap();
        assert!(list.contains("mod pool;\nmod role;\n"), "{list}");
        assert!(list.contains("<pool::Pool>()\n        .resource::<role::Role>();\n}\n"), "{list}");
        assert!(registered(LIST, "acl", "Acl").is_err());
    }
}
