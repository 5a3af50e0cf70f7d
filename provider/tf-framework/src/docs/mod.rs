//! Documentation from the schemas: the pages that both registries show, and one JSON file of everything. Pure: what
//! is written where is the caller's business.

mod attributes;
mod json;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::schema::{FunctionSchema, IdentitySchema, Parameter, ResourceSchema, Schema, Schemas};

/// What the pages are made from.
pub struct Docs<'a> {
    /// Name of the provider.
    pub provider: &'a str,
    /// Everything it offers.
    pub schemas: &'a Schemas,
    /// The text of an example, by its path below `examples/`, if there is one.
    pub example: &'a dyn Fn(&str) -> Option<String>,
    /// The heading that a type's page is listed under.
    pub subcategory: &'a dyn Fn(&str) -> &'static str,
}

impl Docs<'_> {
    /// Every file, by its path below `docs/`.
    pub fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::from([
            ("index.md".to_owned(), self.index()),
            ("schema.json".to_owned(), json::everything(self.schemas)),
        ]);
        for (name, schema) in &self.schemas.resources {
            files.insert(format!("resources/{}.md", self.short(name)), self.resource(name, schema));
        }
        for (name, schema) in &self.schemas.data_sources {
            let example = format!("data-sources/{name}/data-source.tf");
            let page = self.plain(name, "Data Source", schema, &example);
            files.insert(format!("data-sources/{}.md", self.short(name)), page);
        }
        for (name, schema) in &self.schemas.ephemerals {
            let example = format!("ephemeral-resources/{name}/ephemeral-resource.tf");
            let page = self.plain(name, "Ephemeral Resource", schema, &example);
            files.insert(format!("ephemeral-resources/{}.md", self.short(name)), page);
        }
        for (name, schema) in &self.schemas.functions {
            files.insert(format!("functions/{name}.md"), self.function(name, schema));
        }
        files
    }

    /// A type's name without the provider's.
    fn short<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(self.provider).and_then(|rest| rest.strip_prefix('_')).unwrap_or(name)
    }

    fn index(&self) -> String {
        let schema = &self.schemas.provider;
        let title = format!("{} Provider", self.provider);
        let mut page = front_matter(&title, "", &schema.description);
        let _ = write!(page, "\n# {title}\n\n{}\n", schema.description);
        self.example_section(&mut page, "provider/provider.tf");
        attributes::section(&mut page, &schema.attributes);
        page
    }

    fn plain(&self, name: &str, kind: &str, schema: &Schema, example: &str) -> String {
        let title = format!("{name} {kind} - {}", self.provider);
        let mut page = front_matter(&title, (self.subcategory)(name), &schema.description);
        let _ = write!(page, "\n# {name} ({kind})\n\n{}\n", schema.description);
        if let Some(reason) = &schema.deprecated {
            let _ = write!(page, "\n~> **Deprecated** {reason}\n");
        }
        self.example_section(&mut page, example);
        attributes::section(&mut page, &schema.attributes);
        page
    }

    fn resource(&self, name: &str, resource: &ResourceSchema) -> String {
        let example = format!("resources/{name}/resource.tf");
        let mut page = self.plain(name, "Resource", &resource.schema, &example);
        let shell = (self.example)(&format!("resources/{name}/import.sh"));
        if shell.is_none() && resource.identity.is_none() {
            return page;
        }
        page.push_str("\n## Import\n");
        if let Some(shell) = shell {
            let _ = write!(page, "\nBy ID:\n\n```shell\n{}\n```\n", shell.trim_end());
        }
        if let Some(identity) = &resource.identity {
            import_by_identity(&mut page, name, identity);
        }
        page
    }

    fn function(&self, name: &str, function: &FunctionSchema) -> String {
        let title = format!("{name} function - {}", self.provider);
        let mut page = front_matter(&title, "", &function.summary);
        let _ = write!(page, "\n# function: {name}\n\n{}\n", function.description);
        self.example_section(&mut page, &format!("functions/{name}/function.tf"));
        let named = |parameter: &Parameter| format!("{} {}", parameter.name, parameter.ty);
        let mut parameters: Vec<String> = function.parameters.iter().map(named).collect();
        parameters.extend(function.variadic.iter().map(|parameter| format!("{}...", named(parameter))));
        let (parameters, returns) = (parameters.join(", "), &function.returns);
        let _ = write!(
            page,
            "\n## Signature\n\n```text\n{name}({parameters}) {returns}\n```\n\n## Arguments\n\n"
        );
        for (position, parameter) in (1..).zip(&function.parameters) {
            let _ = writeln!(page, "{position}. {}", argument(parameter, ""));
        }
        if let Some(parameter) = &function.variadic {
            let position = function.parameters.len() + 1;
            let _ = writeln!(page, "{position}. {}", argument(parameter, ", any number"));
        }
        page
    }

    fn example_section(&self, page: &mut String, path: &str) {
        if let Some(text) = (self.example)(path) {
            let _ = write!(page, "\n## Example Usage\n\n```terraform\n{}\n```\n", text.trim_end());
        }
    }
}

/// What the registries read first. Its description is plain text of one line.
fn front_matter(title: &str, subcategory: &str, description: &str) -> String {
    let first = description.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    format!(
        "---\npage_title: \"{title}\"\nsubcategory: \"{subcategory}\"\ndescription: |-\n  {}\n---\n",
        first.replace('`', "")
    )
}

fn argument(parameter: &Parameter, more: &str) -> String {
    let null = if parameter.allow_null { ", may be null" } else { "" };
    format!("`{}` ({}{null}{more}) {}", parameter.name, parameter.ty, parameter.description)
}

fn import_by_identity(page: &mut String, name: &str, identity: &IdentitySchema) {
    page.push_str("\nBy identity, with a CLI that knows resource identities:\n\n```terraform\nimport {\n");
    let _ = write!(page, "  to = {name}.example\n  identity = {{\n");
    let required = || identity.attributes.iter().filter(|attribute| attribute.required_for_import);
    let width = required().map(|attribute| attribute.name.len()).max().unwrap_or_default();
    for attribute in required() {
        let _ = writeln!(page, "    {:width$} = …", attribute.name);
    }
    page.push_str("  }\n}\n```\n\n");
    for attribute in &identity.attributes {
        let need = if attribute.required_for_import { "required" } else { "optional" };
        let _ = writeln!(page, "- `{}` ({}, {need}) {}", attribute.name, attribute.ty, attribute.description);
    }
}
