//! Pages and JSON of a small provider.

use tf_framework::docs::Docs;
use tf_framework::prelude::*;
use tf_framework::{Mode, ResourceSchema, Schemas, Shape};

/// What is in a slot.
#[derive(Clone, Debug, Object)]
struct Slot {
    /// Size of the slot.
    #[schema(validate = range(1, 100), wire = "size")]
    size_gib: i64,
    /// Free text.
    label: Option<String>,
}

/// Keeps things.
///
/// Deleting a box deletes what is inside.
#[derive(Debug, Schema)]
#[schema(name = "box", deprecated = "Use a shelf.")]
struct Box {
    /// Name of the box.
    #[schema(replace, wire = "boxid")]
    name: String,
    /// How many.
    #[schema(default = 2)]
    count: Defaulted<i64>,
    /// Password.
    #[schema(sensitive, write_only)]
    password_wo: Option<String>,
    /// What it is made from.
    #[schema(create_only, deprecated = "Use `slots`.")]
    source: Option<String>,
    /// Slots by name.
    slots: Option<BTreeMap<String, Slot>>,
    /// Slots that nobody configured.
    others: Computed<Vec<Slot>>,
}

fn schemas() -> Schemas {
    let mut schemas = Schemas::default();
    let identity = IdentitySchema {
        version: 0,
        attributes: vec![IdentityAttribute {
            name: "name".to_owned(),
            ty: Type::String,
            required_for_import: true,
            description: "Name of the box.".to_owned(),
        }],
    };
    let resource = ResourceSchema { schema: Box::schema(), identity: Some(identity) };
    schemas.resources.insert("toys_box".to_owned(), resource);
    schemas
}

fn files() -> BTreeMap<String, String> {
    let schemas = schemas();
    let example = |path: &str| {
        ["resources/toys_box/resource.tf", "resources/toys_box/import.sh"]
            .contains(&path)
            .then(|| format!("text of {path}\n"))
    };
    Docs { provider: "toys", schemas: &schemas, example: &example, subcategory: &|_| "Storage" }.files()
}

#[test]
fn a_page_says_everything_once() {
    let wanted = r#"---
page_title: "toys_box Resource - toys"
subcategory: "Storage"
description: |-
  Keeps things.
---

# toys_box (Resource)

Keeps things.

Deleting a box deletes what is inside.

~> **Deprecated** Use a shelf.

## Example Usage

```terraform
text of resources/toys_box/resource.tf
```

## Schema

### Required

- `name` (String) Name of the box. A change replaces the object. In the API: `boxid`.

### Optional

- `count` (Number) How many. Default: `2`.
- `password_wo` (String, Sensitive, Write-only) Password.
- `slots` (Attributes Map) Slots by name. (see [below for nested schema](#nestedatt--slots))
- `source` (String) **Deprecated** Use `slots`. What it is made from. Matters only when the object is created; a later change does nothing.

### Read-Only

- `others` (Attributes List) Slots that nobody configured. (see [below for nested schema](#nestedatt--others))

<a id="nestedatt--others"></a>
### Nested Schema for `others`

Read-Only:

- `label` (String) Free text.
- `size_gib` (Number) Size of the slot. In the API: `size`.

<a id="nestedatt--slots"></a>
### Nested Schema for `slots`

Required:

- `size_gib` (Number) Size of the slot. Between 1 and 100. In the API: `size`.

Optional:

- `label` (String) Free text.

## Import

By ID:

```shell
text of resources/toys_box/import.sh
```

By identity, with a CLI that knows resource identities:

```terraform
import {
  to = toys_box.example
  identity = {
    name = …
  }
}
```

- `name` (string, required) Name of the box.
"#;
    assert_eq!(files()["resources/box.md"], wanted);
}

#[test]
fn the_json_has_what_a_page_has() {
    let json: serde_json::Value = serde_json::from_str(&files()["schema.json"]).expect("it is JSON");
    let name = &json["resources"]["toys_box"]["attributes"]["name"];
    assert_eq!(name["api_name"], "boxid");
    assert_eq!(name["replace"], true);
    assert_eq!(
        json["resources"]["toys_box"]["attributes"]["slots"]["attributes"]["size_gib"]["rules"][0],
        "Between 1 and 100."
    );
}

#[test]
fn the_same_schemas_make_the_same_files() {
    assert_eq!(files(), files());
    let paths: Vec<_> = files().into_keys().collect();
    assert_eq!(paths, ["index.md", "resources/box.md", "schema.json"]);
}

#[test]
fn what_is_inside_a_read_only_attribute_is_read_only() {
    let attributes = Box::attributes();
    let others = attributes.last().expect("the box has attributes");
    let Shape::Nested { attributes, .. } = &others.shape else { panic!("{others:?} is nested") };
    assert!(
        attributes
            .iter()
            .all(|attribute| attribute.mode == Mode::Computed && attribute.validators.is_empty())
    );
}
