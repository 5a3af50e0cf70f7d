//! `/nodes/{node}/vzdump`: a backup at once, its defaults, and the configuration in an archive.

use serde_json::{Map, Value, json};

use super::run::Run;
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::{self, VolumeId};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::section::rules;
use crate::pve::section::shown;
use crate::pve::state::{Lab, Options};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("POST", "/nodes/{node}/vzdump", start),
    route("GET", "/nodes/{node}/vzdump/defaults", defaults),
    route("GET", "/nodes/{node}/vzdump/extractconfig", extract),
];

/// Parameters that only root may give.
const ROOT_ONLY: [&str; 4] = ["tmpdir", "dumpdir", "script", "job-id"];
/// Parameters that weigh on the whole node.
const HEAVY: [&str; 3] = ["bwlimit", "performance", "ionice"];
/// What vzdump does where neither call, job, storage nor `/etc/vzdump.conf` says otherwise.
const DEFAULTS: [(&str, &str); 16] = [
    ("all", "0"),
    ("bwlimit", "0"),
    ("compress", "0"),
    ("ionice", "7"),
    ("lockwait", "180"),
    ("mailnotification", "always"),
    ("mode", "snapshot"),
    ("notification-mode", "auto"),
    ("pigz", "0"),
    ("prune-backups", "keep-all=1"),
    ("quiet", "0"),
    ("remove", "1"),
    ("stdexcludes", "1"),
    ("stop", "0"),
    ("stopwait", "10"),
    ("zstd", "1"),
];

fn start(lab: &mut Lab, request: &Request) -> Answer {
    let (node, who) = (request.node().to_owned(), &request.who);
    require(lab, request)?;
    if request.params.is_set("stop") {
        for task in &mut lab.tasks.list {
            let stops = task.exit.is_none() && task.upid.kind == "vzdump" && task.upid.node == node;
            task.stopping |= stops;
        }
    }
    let options: Options = request
        .params
        .texts()
        .filter(|(key, _)| !matches!(*key, "node" | "quiet" | "stop" | "stdout"))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    selection(request, &options)?;
    match Run::on(lab, &node, who, options) {
        Some(run) => Ok(lab.start_task(&node, &who.0, run.plan()).to_string().into()),
        None => Ok("OK".into()),
    }
}

fn require(lab: &Lab, request: &Request) -> Result<(), Failure> {
    let (params, who) = (&request.params, &request.who);
    if let Some(key) = ROOT_ONLY.iter().find(|key| params.has(key)).filter(|_| !who.is_root()) {
        return Err(Failure::parameter(*key, "Only root may set this option."));
    }
    if HEAVY.iter().any(|key| params.has(key)) {
        lab.require(who, "/", &["Sys.Modify"])?;
    }
    let path = format!("/storage/{}", params.text("storage").unwrap_or("local"));
    lab.require(who, &path, &["Datastore.AllocateSpace"])?;
    if params.has("prune-backups") {
        lab.require(who, &path, &["Datastore.Allocate"])?;
    }
    match params.text("pool") {
        Some(pool) => lab.require(who, &format!("/pool/{pool}"), &["Pool.Audit"]),
        None => Ok(()),
    }
}

/// Exactly one way to choose guests.
fn selection(request: &Request, options: &Options) -> Result<(), Failure> {
    let params = &request.params;
    let given = |key: &str| params.text(key).is_some_and(|text| !matches!(text, "" | "0"));
    match (given("all"), given("vmid"), given("pool")) {
        (true, true, _) => Err(Failure::parameter("vmid", "option conflicts with option 'all'")),
        (true, _, true) => Err(Failure::parameter("pool", "option conflicts with option 'all'")),
        (_, true, true) => Err(Failure::parameter("pool", "option conflicts with option 'vmid'")),
        (false, false, false) if !super::selection::means_all(options) => {
            Err(Failure::parameter("vmid", "property is missing"))
        }
        _ => Ok(()),
    }
}

fn defaults(lab: &mut Lab, request: &Request) -> Answer {
    let mut options: Options =
        DEFAULTS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let id = request.params.text("storage").unwrap_or("local");
    let path = format!("/storage/{id}");
    lab.require_any(&request.who, &path, &["Datastore.Audit", "Datastore.AllocateSpace"])?;
    let storage = lab.enabled_storage(request.node(), id)?;
    if !storage.content().contains("backup") {
        let message = format!("can't use storage '{id}' for backups - wrong content type");
        return Err(Failure::died(message));
    }
    options.insert("storage".to_owned(), id.to_owned());
    if let Some(prune) = storage.options.get("prune-backups") {
        options.insert("prune-backups".to_owned(), prune.clone());
    }
    if storage.kind != "pbs" {
        let folder = format!("{}/{}", naming::root(id, storage), naming::directory("backup"));
        options.insert("dumpdir".to_owned(), folder);
    }
    if !lab.allows(&request.who, &format!("/nodes/{}", request.node()), &["Sys.Audit"]) {
        options.retain(|key, _| !matches!(key.as_str(), "dumpdir" | "ionice"));
    }
    let mut answer: Map<String, Value> = shown(&options, rules("POST", "/nodes/{node}/vzdump"));
    // Options that are property strings have their own defaults, and come apart.
    answer.insert("performance".to_owned(), json!({"max-workers": 16, "pbs-entries-max": 1_048_576}));
    answer.insert("fleecing".to_owned(), json!({"enabled": 0}));
    Ok(Value::Object(answer).into())
}

fn extract(lab: &mut Lab, request: &Request) -> Answer {
    let text = request.params.text_or_empty("volume");
    let id =
        VolumeId::parse(text).ok_or_else(|| Failure::died(format!("unable to parse volume ID '{text}'")))?;
    lab.require_volume(&request.who, None, &id)?;
    lab.usable_storage(request.node(), &id.storage)?;
    if lab.parse_volume(&id).map_err(Failure::died)?.content != "backup" {
        return Err(Failure::died(format!("'{id}' is no backup")));
    }
    let missing = || Failure::died(format!("volume '{id}' does not exist"));
    Ok(lab.archive(request.node(), &id).ok_or_else(missing)?.config_text().into())
}
