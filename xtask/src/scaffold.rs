//! `new <system> <noun>`: the files that a resource begins with.

use std::path::Path;

use crate::Outcome;
use crate::process::root;

/// Writes the resource's file and its example; refuses to overwrite.
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
    let resource = format!("provider/homelab/src/resources/{system}/{noun}.rs");
    write(&resource, &source(&name, &kind, noun))?;
    write(
        &format!("examples/resources/homelab_{name}/resource.tf"),
        &format!("resource \"homelab_{name}\" \"example\" {{\n  name = \"example\"\n}}\n"),
    )?;
    write(
        &format!("examples/resources/homelab_{name}/import.sh"),
        &format!("tofu import homelab_{name}.example example\n"),
    )?;
    println!(
        "next: add `mod {noun};` and `.resource::<{noun}::{kind}>()` to provider/homelab/src/resources/{system}/mod.rs, \
         fill in the four functions, and add acceptance-tests/suite/tests/{noun}.rs"
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

fn source(name: &str, kind: &str, noun: &str) -> String {
    format!(
        r#"//! `homelab_{name}`: say in one line what it is.

use tf_framework::prelude::*;

use crate::cx::Cx;

/// Say what it is for, and what deleting it does.
#[derive(Clone, Debug, Schema)]
#[schema(name = "{name}", version = 0)]
pub struct {kind} {{
    /// Name of the {noun}.
    #[schema(replace)]
    pub name: String,
}}

impl Resource for {kind} {{
    type Cx = Cx;
    type Id = String;

    fn id(&self) -> String {{
        self.name.clone()
    }}

    async fn create(cx: &Cx, want: &Self) -> Result<String> {{
        unimplemented!()
    }}

    async fn read(cx: &Cx, id: &String, prior: Option<&Self>) -> Result<Option<Self>> {{
        unimplemented!()
    }}

    async fn update(cx: &Cx, id: &String, change: Change<'_, Self>) -> Result<()> {{
        unimplemented!()
    }}

    async fn delete(cx: &Cx, id: &String, prior: &Self) -> Result<()> {{
        unimplemented!()
    }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_noun_becomes_a_type_name() {
        assert_eq!(super::type_name("data_disk"), "DataDisk");
    }
}
