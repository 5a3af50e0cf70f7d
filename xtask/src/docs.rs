//! `docs`: the registry pages, from what the built plugin says of itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use suite::Workspace;

use crate::process::{command, root, show};
use crate::{Outcome, tools};

/// Writes the pages, or says which are out of date.
pub fn run(check: bool) -> Outcome {
    show(command("cargo", &["build", "--package", "homelab", "--bins"]))?;
    let workspace = Workspace::new(&tools::cli(None)?);
    let output =
        workspace.command(&["providers", "schema", "-json"]).output().map_err(|error| error.to_string())?;
    let schemas: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("the CLI gave no schema:\n{}", String::from_utf8_lossy(&output.stderr)))?;
    let provider = schemas["provider_schemas"]
        .as_object()
        .and_then(|providers| providers.values().next())
        .ok_or("the CLI knows no provider")?;
    let mut stale = Vec::new();
    for (path, text) in pages(provider) {
        let file = root().join("docs").join(&path);
        if std::fs::read_to_string(&file).ok().as_deref() == Some(&text) {
            continue;
        }
        if check {
            stale.push(path);
            continue;
        }
        let folder = file.parent().expect("a page lies in a folder");
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        println!("wrote docs/{path}");
    }
    if stale.is_empty() {
        println!("docs: every page is current");
        return Ok(());
    }
    Err(format!("out of date; run `cargo xtask docs`: {}", stale.join(", ")))
}

fn pages(provider: &Value) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    pages.insert(
        "index.md".to_owned(),
        page("homelab", "Provider", &provider["provider"], "provider/provider.tf"),
    );
    let kinds = [
        ("resource_schemas", "resources", "Resource"),
        ("data_source_schemas", "data-sources", "Data Source"),
    ];
    for (key, folder, kind) in kinds {
        for (name, schema) in provider[key].as_object().into_iter().flatten() {
            let short = name.trim_start_matches("homelab_");
            let stem = if kind == "Resource" { "resource" } else { "data-source" };
            let example = format!("{folder}/{name}/{stem}.tf");
            pages.insert(format!("{folder}/{short}.md"), page(name, kind, schema, &example));
        }
    }
    pages
}

fn page(name: &str, kind: &str, schema: &Value, example: &str) -> String {
    let block = &schema["block"];
    let description = block["description"].as_str().unwrap_or_default();
    let first = description.lines().next().unwrap_or_default().replace('"', "'");
    let mut text = format!(
        "---\npage_title: \"{name} {kind}\"\ndescription: \"{first}\"\n---\n\n# {name} ({kind})\n\n{description}\n"
    );
    let examples = root().join("examples");
    if let Ok(hcl) = std::fs::read_to_string(examples.join(example)) {
        let _ = write!(text, "\n## Example\n\n```terraform\n{}\n```\n", hcl.trim_end());
    }
    text.push_str("\n## Schema\n\n");
    attributes(&mut text, &block["attributes"], 0);
    let import = examples.join(example).with_file_name("import.sh");
    if let (true, Ok(shell)) = (kind == "Resource", std::fs::read_to_string(import)) {
        let _ = write!(text, "\n## Import\n\n```shell\n{}\n```\n", shell.trim_end());
    }
    text
}

fn attributes(text: &mut String, attributes: &Value, depth: usize) {
    for (name, attribute) in attributes.as_object().into_iter().flatten() {
        let is = |key: &str| attribute[key] == true;
        let mut words = vec![type_words(attribute)];
        words.push(
            match (is("required"), is("optional"), is("computed")) {
                (true, ..) => "required",
                (_, true, true) => "optional, filled in by the service",
                (_, true, _) => "optional",
                _ => "read-only",
            }
            .to_owned(),
        );
        for flag in ["sensitive", "deprecated"] {
            if is(flag) {
                words.push(flag.to_owned());
            }
        }
        let description = attribute["description"].as_str().unwrap_or_default().replace('\n', " ");
        let indent = "  ".repeat(depth);
        let _ = writeln!(text, "{indent}- `{name}` ({}) {}", words.join(", "), description.trim());
        self::attributes(text, &attribute["nested_type"]["attributes"], depth + 1);
    }
}

fn type_words(attribute: &Value) -> String {
    if let Some(nesting) = attribute["nested_type"]["nesting_mode"].as_str() {
        return if nesting == "single" { "object".to_owned() } else { format!("{nesting} of objects") };
    }
    of_type(&attribute["type"])
}

fn of_type(described: &Value) -> String {
    match described {
        Value::String(name) => name.clone(),
        Value::Array(parts) if parts.len() == 2 && parts[0] != "object" && parts[0] != "tuple" => {
            format!("{} of {}", parts[0].as_str().unwrap_or_default(), of_type(&parts[1]))
        }
        Value::Array(parts) => parts.first().and_then(Value::as_str).unwrap_or_default().to_owned(),
        _ => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nested_attribute_is_indented_below_its_parent() {
        let mut text = String::new();
        attributes(
            &mut text,
            &json!({"cpu": {"optional": true, "description": "The processor.", "nested_type": {
                "nesting_mode": "single",
                "attributes": {"cores": {"type": "number", "required": true, "description": "How many."}}}},
                "tags": {"type": ["set", "string"], "computed": true, "optional": true}}),
            0,
        );
        assert_eq!(
            text,
            "- `cpu` (object, optional) The processor.\n  - `cores` (number, required) How many.\n\
             - `tags` (set of string, optional, filled in by the service) \n"
        );
    }
}
