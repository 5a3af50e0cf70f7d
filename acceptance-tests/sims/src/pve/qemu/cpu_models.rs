//! CPU models that the cluster defines beside QEMU's own.

use serde_json::{Map, Value, json};

use super::options::property;
use super::vm::Options;
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::{Lab, digest};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/qemu/custom-cpu-models", list),
    route("POST", "/cluster/qemu/custom-cpu-models", create),
    route("GET", "/cluster/qemu/custom-cpu-models/{cputype}", read),
    route("PUT", "/cluster/qemu/custom-cpu-models/{cputype}", update),
    route("DELETE", "/cluster/qemu/custom-cpu-models/{cputype}", remove),
];

/// Properties that are read back as numbers.
const NUMBERS: [&str; 3] = ["guest-phys-bits", "hidden", "level"];

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let visible = |name: &str| {
        let privileges = ["Mapping.Audit", "Mapping.Use", "Mapping.Modify"];
        lab.allows_any(&request.who, &format!("/mapping/cpu/{name}"), &privileges)
    };
    let digest = digest_of(lab);
    let models = lab.cpu_models.iter().filter(|(name, _)| visible(name));
    Ok(models.map(|(name, model)| shown(name, model, &digest)).collect::<Vec<_>>().into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let name = name(request);
    if lab.cpu_models.contains_key(&name) {
        return Err(Failure::died(format!("create cpu model failed: CPU model '{name}' already exists")));
    }
    lab.cpu_models.insert(name, given(request));
    Ok(Reply::nothing())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let name = name(request);
    let digest = digest_of(lab);
    let model = lab.cpu_models.get(&name).ok_or_else(|| missing(&name))?;
    Ok(Reply::from(shown(&name, model, &digest)))
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let name = name(request);
    let current = digest_of(lab);
    if request.params.text("digest").is_some_and(|given| given != current) {
        return Err(Failure::died(
            "detected modified configuration - file changed by other user? Try again.",
        ));
    }
    let model = lab.cpu_models.get_mut(&name).ok_or_else(|| missing(&name))?;
    for key in request.params.list("delete").unwrap_or_default() {
        model.remove(&key);
    }
    model.extend(given(request));
    Ok(Reply::nothing())
}

fn remove(lab: &mut Lab, request: &Request) -> Answer {
    let name = name(request);
    lab.cpu_models.remove(&name).map(|_| Reply::nothing()).ok_or_else(|| missing(&name))
}

/// The name with its prefix, which callers may leave out.
fn name(request: &Request) -> String {
    let name = request.params.text_or_empty("cputype");
    if name.starts_with("custom-") { name.to_owned() } else { format!("custom-{name}") }
}

fn given(request: &Request) -> Options {
    let others = ["cputype", "delete", "digest"];
    let texts = request.params.texts().filter(|(key, _)| !others.contains(key));
    texts.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn missing(name: &str) -> Failure {
    Failure::died(format!("Custom cputype '{}' not found", name.trim_start_matches("custom-")))
}

fn shown(name: &str, model: &Options, digest: &str) -> Value {
    let mut item: Map<String, Value> = model
        .iter()
        .map(|(key, value)| {
            let number = value.parse::<i64>().ok().filter(|_| NUMBERS.contains(&key.as_str()));
            (key.clone(), number.map_or_else(|| json!(value), Value::from))
        })
        .collect();
    item.insert("cputype".to_owned(), name.into());
    item.insert("digest".to_owned(), digest.into());
    Value::Object(item)
}

fn digest_of(lab: &Lab) -> String {
    digest(&serde_json::to_string(&lab.cpu_models).unwrap_or_default())
}

/// Refuses a VM's `cpu` if it names a model that the cluster does not define.
pub fn check(lab: &Lab, options: &Options) -> Result<(), Failure> {
    let model = options.get("cpu").and_then(|cpu| property(cpu, "cputype", "cputype")).unwrap_or_default();
    if !model.starts_with("custom-") || lab.cpu_models.contains_key(model) {
        return Ok(());
    }
    Err(Failure::parameter("cpu", format!("invalid format - {}", missing(model).message)))
}
