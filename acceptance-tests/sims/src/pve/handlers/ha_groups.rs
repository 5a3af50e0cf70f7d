//! `/cluster/ha/groups`: which nodes HA resources prefer, until rules took their place in Proxmox VE 9.

use serde_json::Value;

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::release::Release;
use crate::pve::section::{Entry, rules};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/ha/groups", list),
    route("POST", "/cluster/ha/groups", create),
    route("GET", "/cluster/ha/groups/{group}", read),
    route("PUT", "/cluster/ha/groups/{group}", update),
    route("DELETE", "/cluster/ha/groups/{group}", delete),
];

/// The file that holds them.
pub const FILE: &str = "ha/groups.cfg";

/// Refuses on a release that has rules instead.
fn require_groups(lab: &Lab, doing: &str) -> Result<(), Failure> {
    if lab.release == Release::V9_2 {
        return Err(Failure::died(format!("cannot {doing}: ha groups have been migrated to rules")));
    }
    Ok(())
}

fn entry(lab: &Lab, found: &Entry) -> Value {
    let mut shown = found.shown(rules("POST", "/cluster/ha/groups"));
    shown.insert("group".to_owned(), found.id.as_str().into());
    shown.insert("type".to_owned(), "group".into());
    shown.insert("digest".to_owned(), lab.file(FILE).digest().into());
    Value::Object(shown)
}

fn missing(id: &str) -> Failure {
    Failure::died(format!("no such ha group '{id}'"))
}

fn list(lab: &mut Lab, _: &Request) -> Answer {
    require_groups(lab, "index groups")?;
    Ok(lab.file(FILE).entries.iter().map(|found| entry(lab, found)).collect::<Vec<Value>>().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    require_groups(lab, "read group")?;
    let id = request.params.text_or_empty("group");
    let file = lab.file(FILE);
    Ok(entry(lab, file.get(id).ok_or_else(|| missing(id))?).into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    require_groups(lab, "create group")?;
    let id = request.params.text_or_empty("group");
    if lab.file(FILE).get(id).is_some() {
        return Err(Failure::died(format!("create ha group failed: ha group ID '{id}' already defined")));
    }
    lab.file_mut(FILE).entries.push(Entry::of(id, "group", request, "group"));
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    require_groups(lab, "update group")?;
    let id = request.params.text_or_empty("group");
    let file = lab.file_mut(FILE);
    file.check_digest(request).map_err(|failure| failure.within("update ha group failed"))?;
    file.get_mut(id).ok_or_else(|| missing(id))?.assign(request, &["group", "type"]);
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    require_groups(lab, "delete group")?;
    let id = request.params.text_or_empty("group");
    let user =
        lab.ha_resources.iter().find(|(_, options)| options.get("group").is_some_and(|group| group == id));
    if let Some((sid, _)) = user {
        return Err(Failure::died(format!("ha group is used by service '{sid}'")));
    }
    lab.file_mut(FILE).remove(id);
    Ok(Reply::nothing())
}
