//! Many cases in one configuration, lived through a real CLI: applied, changed, imported and destroyed.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::strategy::{Strategy as _, ValueTree as _};
use serde_json::{Map, Value as Json, json};
use suite::workspace::Run;
use suite::{Lab, Workspace};

use crate::case::{Case, Object, cases};
use crate::fields::{self, Field};
use crate::life::{differences, import_id, kept, readable};
use crate::objects::Family;

/// The cases of one configuration: each with a number of its own, so that only what is one in a cluster is shared.
const BATCH: [Family; 9] = [
    Family::Machines,
    Family::Machines,
    Family::DataDisks,
    Family::Access,
    Family::Access,
    Family::Storages,
    Family::Networks,
    Family::Cluster,
    Family::Backups,
];

/// A lab, and what lives in it.
struct Round<'a> {
    cli: &'a Path,
    lab: Lab,
    fields: BTreeMap<String, Vec<Field>>,
    /// What a failure tells: how to repeat the round, and its configurations.
    told: String,
}

/// Objects with the configurations that they have at a time.
type Configured<'a> = Vec<(&'a Object, Json)>;

/// Draws one case of each, and lives them all at once.
pub fn live(cli: &Path, seed: u64) {
    let fields = fields::load();
    let mut case = batch(seed, &fields);
    // OpenTofu 1.6 has no write-only arguments.
    if !suite::cli::at_least(cli, (1, 11), (1, 11)) {
        for object in &mut case.0 {
            [&mut object.first, &mut object.second].into_iter().flatten().for_each(store);
        }
    }
    let told = format!("HOMELAB_SEED={seed} with {}\n{case:?}", cli.display());
    let round = Round { cli, lab: Lab::with(&["--task-time", "1"]), fields, told };
    let before = kept(&round.lab.state());

    let workspace = Workspace::new(cli);
    for (what, objects) in [
        ("create", present(&case, |object| &object.first)),
        ("change", present(&case, |object| &object.second)),
    ] {
        round.configure(&workspace, &objects, &[]);
        round.succeed(&workspace.apply(), what);
        round.succeed(&workspace.plan(), &format!("the plan after the {what} is not empty"));
    }

    let importing = Workspace::new(cli);
    let imported = round.import(&workspace, &importing, present(&case, |object| &object.second));
    let free: Configured<'_> = imported
        .into_iter()
        .map(|(object, config)| (object, unguarded(config, &round.fields[&object.kind])))
        .collect();
    round.configure(&importing, &free, &[]);
    round.succeed(&importing.apply(), "unprotecting");
    round.succeed(&importing.destroy(), "destroy");
    let after = kept(&round.lab.state());
    assert!(after == before, "something is left: {}\n{}", differences("", &before, &after), round.told);
}

impl Round<'_> {
    fn configure(&self, workspace: &Workspace, objects: &Configured<'_>, imports: &[Json]) {
        workspace.write("image.raw", &"\0".repeat(1 << 20));
        workspace.configure(&self.lab.provider_block(), "");
        let mut document = json!({ "resource": blocks(objects) });
        if !imports.is_empty() {
            document["import"] = json!(imports);
        }
        workspace.write("resources.tf.json", &document.to_string());
    }

    #[track_caller]
    fn succeed(&self, run: &Run, what: &str) {
        assert_eq!(run.code, Some(0), "{what} with {}: {}\n{}", self.cli.display(), run.text, self.told);
    }

    /// Imports everything into another state, and wants an empty plan for what an import can know. Gives that.
    fn import<'o>(&self, known: &Workspace, into: &Workspace, there: Configured<'o>) -> Configured<'o> {
        let import = |(object, _): &(&Object, Json)| {
            let id = import_id(&object.kind, &known.resource(&object.address()));
            json!({ "to": object.address(), "id": id })
        };
        let imports: Vec<Json> = there.iter().map(import).collect();
        self.configure(into, &there, &imports);
        let found = self.planned(into);
        let readable: Configured<'o> = there
            .into_iter()
            .map(|(object, mut config)| {
                let state = &found[&object.address()]["before"];
                // The node of a machine is known, and not where else it might go.
                if config["nodes"].is_array() && state["nodes"].is_null() && state["node_name"].is_string() {
                    config["node_name"] = state["node_name"].clone();
                }
                (object, readable(&config, &self.fields[&object.kind], state))
            })
            .collect();
        self.configure(into, &readable, &imports);
        for (address, change) in self.planned(into) {
            let waits = change["before"]["pending_changes"].as_array().is_some_and(|keys| !keys.is_empty());
            // Where a file came from cannot be read, and neither whether a machine may be restarted: an apply notes it.
            let is_noted = waits || address.starts_with("homelab_pve_image.");
            let actions = &change["actions"];
            assert!(
                *actions == json!(["no-op"]) || is_noted && *actions == json!(["update"]),
                "the import of {address} plans {actions}: {}\n{}",
                differences("", &change["before"], &change["after"]),
                self.told
            );
        }
        self.succeed(&into.apply(), "import");
        self.succeed(&into.plan(), "the plan after the import is not empty");
        readable
    }

    /// What a plan does to each resource.
    fn planned(&self, workspace: &Workspace) -> BTreeMap<String, Json> {
        let run = workspace.run(&["plan", "-out=saved", "-no-color", "-input=false"]);
        self.succeed(&run, "the plan of the import");
        let output = workspace.command(&["show", "-json", "saved"]).output().expect("the CLI is there");
        let plan: Json = serde_json::from_slice(&output.stdout).expect("`show -json` writes JSON");
        let changes = plan["resource_changes"].as_array().cloned().unwrap_or_default();
        changes
            .into_iter()
            .map(|change| {
                (change["address"].as_str().unwrap_or_default().to_owned(), change["change"].clone())
            })
            .collect()
    }
}

/// Takes write-only arguments out.
fn store(config: &mut Json) {
    if let Json::Object(entries) = config {
        entries.retain(|name, _| !name.ends_with("_wo") && !name.ends_with("_wo_version"));
        entries.values_mut().for_each(store);
    }
}

/// One case of each family, as one.
fn batch(seed: u64, fields: &BTreeMap<String, Vec<Field>>) -> Case {
    let mut runner = crate::runner(seed, 1);
    let mut objects: Vec<Object> = Vec::new();
    for (copy, family) in BATCH.into_iter().enumerate() {
        let drawn =
            cases(family, copy + 1, fields).new_tree(&mut runner).expect("a case can be drawn").current();
        for object in drawn.0 {
            match objects.iter_mut().find(|known| known.address() == object.address()) {
                // Somebody refers to it, or it would not be there at all.
                Some(known) => {
                    known.first = known.first.take().or(object.first);
                    known.second = known.second.take().or(object.second);
                }
                None => objects.push(object),
            }
        }
    }
    Case(objects)
}

/// What is there before or after the change.
fn present(case: &Case, config: impl Fn(&Object) -> &Option<Json>) -> Configured<'_> {
    case.0.iter().filter_map(|object| Some((object, config(object).clone()?))).collect()
}

/// The resource blocks.
fn blocks(objects: &Configured<'_>) -> Json {
    let mut kinds: Map<String, Json> = Map::new();
    for (object, config) in objects {
        kinds.entry(object.kind.clone()).or_insert_with(|| json!({}))[&object.label] = config.clone();
    }
    Json::Object(kinds)
}

/// A configuration without protection. An import protects what can be.
fn unguarded(mut config: Json, fields: &[Field]) -> Json {
    if config["protection"] == true {
        config["protection"] = json!(false);
    }
    if fields.iter().any(|field| field.name == "deletion_protection") {
        config["deletion_protection"] = json!(false);
    }
    config
}
