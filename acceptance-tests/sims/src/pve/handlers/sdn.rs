//! `/cluster/sdn`: zones, virtual networks and subnets, pending until they are applied.

use serde_json::{Map, Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::section::{Entry, File, rules};
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("PUT", "/cluster/sdn", apply),
    route("GET", "/cluster/sdn/zones", list),
    route("POST", "/cluster/sdn/zones", create),
    route("GET", "/cluster/sdn/zones/{zone}", read),
    route("PUT", "/cluster/sdn/zones/{zone}", update),
    route("DELETE", "/cluster/sdn/zones/{zone}", delete),
    route("GET", "/cluster/sdn/vnets", list),
    route("POST", "/cluster/sdn/vnets", create),
    route("GET", "/cluster/sdn/vnets/{vnet}", read),
    route("PUT", "/cluster/sdn/vnets/{vnet}", update),
    route("DELETE", "/cluster/sdn/vnets/{vnet}", delete),
    route("GET", "/cluster/sdn/vnets/{vnet}/subnets", list),
    route("POST", "/cluster/sdn/vnets/{vnet}/subnets", create),
    route("GET", "/cluster/sdn/vnets/{vnet}/subnets/{subnet}", read),
    route("PUT", "/cluster/sdn/vnets/{vnet}/subnets/{subnet}", update),
    route("DELETE", "/cluster/sdn/vnets/{vnet}/subnets/{subnet}", delete),
    route("GET", "/nodes/{node}/sdn/zones", node_zones),
];

/// Files of the running configuration begin with this.
const RUNNING: &str = "running/";

/// One of the three kinds of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Zone,
    Vnet,
    Subnet,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Zone, Self::Vnet, Self::Subnet];

    fn of(request: &Request) -> Self {
        let path = &request.method.path;
        match (path.contains("/subnets"), path.contains("/vnets")) {
            (true, _) => Self::Subnet,
            (_, true) => Self::Vnet,
            _ => Self::Zone,
        }
    }

    /// The parameter that names it.
    fn key(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Vnet => "vnet",
            Self::Subnet => "subnet",
        }
    }

    fn file(self) -> String {
        format!("sdn/{}s.cfg", self.key())
    }

    /// The method that makes one.
    fn creation(self) -> &'static str {
        match self {
            Self::Zone => "/cluster/sdn/zones",
            Self::Vnet => "/cluster/sdn/vnets",
            Self::Subnet => "/cluster/sdn/vnets/{vnet}/subnets",
        }
    }

    fn missing(self, id: &str) -> Failure {
        Failure::died(match self {
            Self::Zone => format!("sdn '{id}' does not exist"),
            Self::Vnet => format!("sdn vnet '{id}' does not exist"),
            Self::Subnet => format!("sdn subnet '{id}' does not exist"),
        })
    }

    fn within(self, verb: &str, failure: Failure) -> Failure {
        failure.within(&format!("{verb} sdn {} object failed", self.key()))
    }
}

/// Which objects a call is about, and where they are read: `running=1` means the applied ones.
fn source(lab: &Lab, request: &Request, kind: Kind) -> File {
    let prefix = if request.params.is_set("running") { RUNNING } else { "" };
    lab.file(&format!("{prefix}{}", kind.file()))
}

fn shown(lab: &Lab, request: &Request, kind: Kind, entry: &Entry) -> Value {
    let mut shown = entry.shown(rules("POST", kind.creation()));
    shown.insert(kind.key().to_owned(), entry.id.as_str().into());
    shown.insert("type".to_owned(), entry.kind.as_str().into());
    if kind == Kind::Subnet {
        describe_subnet(&mut shown, &entry.id);
    }
    let running = request.params.is_set("running");
    let mut digest = Value::from(lab.file(&kind.file()).digest());
    if request.params.is_set("pending") {
        add_pending(lab, kind, entry, &mut shown);
        digest = if shown.contains_key("state") { Value::Null } else { digest };
    }
    shown.insert("digest".to_owned(), if running { Value::Null } else { digest });
    Value::Object(shown)
}

/// What will change with the next apply.
fn add_pending(lab: &Lab, kind: Kind, entry: &Entry, shown: &mut Map<String, Value>) {
    let running = lab.file(&format!("{RUNNING}{}", kind.file()));
    match running.get(&entry.id) {
        None => {
            shown.insert("state".to_owned(), "new".into());
            shown.insert("pending".to_owned(), json!({}));
        }
        Some(applied) if applied != entry => {
            let changed =
                entry.options.iter().filter(|(key, value)| applied.options.get(*key) != Some(value));
            let pending: Map<String, Value> =
                changed.map(|(key, value)| (key.clone(), value.as_str().into())).collect();
            shown.insert("state".to_owned(), "changed".into());
            shown.insert("pending".to_owned(), Value::Object(pending));
        }
        Some(_) => {}
    }
}

/// `zone1-198.51.100.0-24` says zone, network and mask.
fn describe_subnet(shown: &mut Map<String, Value>, id: &str) {
    let mut parts = id.splitn(3, '-');
    let (zone, network, mask) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let mut put = |key: &str, value: Value| drop(shown.insert(key.to_owned(), value));
    put("id", id.into());
    put("zone", zone.into());
    put("network", network.into());
    put("mask", mask.into());
    put("cidr", format!("{network}/{mask}").into());
    shown.entry("dhcp-range").or_insert_with(|| json!([]));
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let kind = Kind::of(request);
    let vnet = request.params.text("vnet").filter(|_| kind == Kind::Subnet);
    if let Some(vnet) = vnet.filter(|vnet| lab.file(&Kind::Vnet.file()).get(vnet).is_none()) {
        return Err(Kind::Vnet.missing(vnet));
    }
    let wanted = |entry: &&Entry| {
        vnet.is_none_or(|vnet| entry.options.get("vnet").is_some_and(|name| name == vnet))
            && request.params.text("type").is_none_or(|kind| kind == entry.kind)
    };
    let file = source(lab, request, kind);
    let mut items: Vec<Value> =
        file.entries.iter().filter(wanted).map(|entry| shown(lab, request, kind, entry)).collect();
    if request.params.is_set("pending") {
        let running = lab.file(&format!("{RUNNING}{}", kind.file()));
        let gone = running.entries.iter().filter(wanted).filter(|entry| file.get(&entry.id).is_none());
        items.extend(gone.map(|entry| {
            let mut item =
                json!({ kind.key(): entry.id, "type": entry.kind, "state": "deleted", "pending": {} });
            item["digest"] = Value::Null;
            item
        }));
    }
    Ok(items.into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let kind = Kind::of(request);
    let id = request.params.text_or_empty(kind.key());
    let file = source(lab, request, kind);
    let entry = file.get(id).ok_or_else(|| kind.missing(id))?;
    Ok(shown(lab, request, kind, entry).into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let kind = Kind::of(request);
    added(lab, request, kind).map_err(|failure| kind.within("create", failure))
}

fn added(lab: &mut Lab, request: &Request, kind: Kind) -> Answer {
    let params = &request.params;
    let mut id = params.text_or_empty(kind.key()).to_owned();
    let zones = lab.file(&Kind::Zone.file());
    if kind == Kind::Vnet && zones.get(params.text_or_empty("zone")).is_none() {
        // The real code does not check, and dies a little later.
        return Err(Failure::died(
            "cannot lookup undefined type! at /usr/share/perl5/PVE/API2/Network/SDN/Vnets.pm line 326.",
        ));
    }
    if kind == Kind::Subnet {
        let vnet = params.text_or_empty("vnet");
        let vnets = lab.file(&Kind::Vnet.file());
        let owner = vnets.get(vnet).ok_or_else(|| Kind::Vnet.missing(vnet))?;
        let zone = owner.options.get("zone").map_or("", String::as_str);
        id = format!("{zone}-{}", id.replace('/', "-"));
    }
    let class = match kind {
        Kind::Vnet => "vnet",
        _ => params.text_or_empty("type"),
    };
    let mut entry = Entry::of(&id, class, request, kind.key());
    entry.options.remove("lock-token");
    let file = lab.file_mut(&kind.file());
    if file.get(&id).is_some() {
        return Err(Failure::died(format!("sdn {} object ID '{id}' already defined", kind.key())));
    }
    file.entries.push(entry);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let kind = Kind::of(request);
    let id = request.params.text_or_empty(kind.key());
    let file = lab.file_mut(&kind.file());
    file.check_digest(request).map_err(|failure| kind.within("update", failure))?;
    let entry = file.get_mut(id).ok_or_else(|| kind.within("update", kind.missing(id)))?;
    entry.assign(request, &[kind.key(), "lock-token"]);
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let kind = Kind::of(request);
    let id = request.params.text_or_empty(kind.key());
    let user = |file: File, key: &str| {
        file.entries.into_iter().find(|entry| entry.options.get(key).is_some_and(|name| name == id))
    };
    let in_use = match kind {
        Kind::Zone => user(lab.file(&Kind::Vnet.file()), "zone").map(|vnet| {
            format!(
                "zone {id} is used by vnet {} at /usr/share/perl5/PVE/Network/SDN/Zones/Plugin.pm line 149.",
                vnet.id
            )
        }),
        Kind::Vnet => user(lab.file(&Kind::Subnet.file()), "vnet")
            .map(|_| "Can't delete vnet if subnets exists".to_owned()),
        Kind::Subnet => None,
    };
    if let Some(message) = in_use {
        return Err(kind.within("delete", Failure::died(message)));
    }
    if lab.file_mut(&kind.file()).remove(id) {
        return Ok(Reply::nothing());
    }
    Err(kind.within("delete", kind.missing(id)))
}

/// Makes what is configured the running configuration, on every node.
fn apply(lab: &mut Lab, request: &Request) -> Answer {
    for kind in Kind::ALL {
        let file = lab.file(&kind.file());
        *lab.file_mut(&format!("{RUNNING}{}", kind.file())) = file;
    }
    let node = lab.local_node().to_owned();
    let plan = Plan::new("reloadnetworkall", "", lab.usual_task_time(), |lab, upid| {
        let names: Vec<String> = lab.nodes.keys().cloned().collect();
        for name in names {
            lab.tasks.log(upid, format!("{name}: reloading network config"));
        }
        Progress::Done
    });
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

fn node_zones(lab: &mut Lab, _: &Request) -> Answer {
    let zones = lab.file(&format!("{RUNNING}{}", Kind::Zone.file())).entries;
    let zones = zones.iter().map(|zone| json!({"zone": zone.id, "status": "available"}));
    Ok(zones.collect::<Vec<Value>>().into())
}
