//! Making containers.

use super::container::{Container, Mount, is_mount_key, mount_keys, stored_network};
use super::restore::restore;
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::alloc::NewImage;
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::qemu::guard::failure_text;
use crate::pve::qemu::options::normal_tags;
use crate::pve::qemu::size::{format_size, gib_to_bytes};
use crate::pve::state::{Lab, Options};
use crate::pve::tasks::{Plan, Progress};
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("POST", "/nodes/{node}/lxc", create)];

/// Parameters of the call that are no options.
const OTHERS: [&str; 14] = [
    "node",
    "vmid",
    "pool",
    "start",
    "storage",
    "unique",
    "ostemplate",
    "force",
    "bwlimit",
    "ha-managed",
    "ignore-unpack-errors",
    "password",
    "ssh-public-keys",
    "restore",
];
/// What a new configuration has unless the call says otherwise.
const DEFAULTS: [(&str, &str); 3] = [("arch", "amd64"), ("memory", "512"), ("swap", "512")];
/// GiB of a root file system that nobody described.
const ROOT_SIZE: &str = "4";

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid, params) = (request.node().to_owned(), request.vmid(), &request.params);
    if params.is_set("restore") {
        return restore(lab, request);
    }
    let pool = params.text("pool").map(str::to_owned);
    require_pool(lab, request, pool.as_deref())?;
    let options = requested(lab, request)?;
    let template = template(lab, request)?;
    lab.require_free_id(vmid)
        .map_err(|reason| Failure::died(format!("unable to create CT {vmid} - {reason}")))?;
    let config = Options::from([("lock".to_owned(), "create".to_owned())]);
    lab.containers.insert(vmid, Container { node: node.clone(), config, started_at: None });
    lab.mark_fresh(vmid);
    let start = params.is_set("start");
    let plan = Plan::new("vzcreate", vmid.to_string(), lab.usual_task_time(), move |lab, upid| {
        match lab.make_container(vmid, options, &template, pool.as_deref(), upid) {
            Ok(()) => {
                if start {
                    lab.start_container(vmid);
                }
                Progress::Done
            }
            Err(failure) => {
                lab.containers.remove(&vmid);
                Progress::Failed(format!(
                    "unable to create CT {vmid} - {}",
                    failure_text(&failure).trim_end()
                ))
            }
        }
    })
    .or(move |lab, _| drop(lab.containers.remove(&vmid)));
    let who = &request.who.0;
    Ok(lab.start_task(request.node(), who, plan).to_string().into())
}

/// Refuses a pool that does not exist, and who may not make the container.
pub fn require_pool(lab: &Lab, request: &Request, pool: Option<&str>) -> Result<(), Failure> {
    if let Some(pool) = pool.filter(|pool| !lab.pools.contains_key(*pool)) {
        return Err(Failure::permission(&format!("pool '{pool}' does not exist")));
    }
    let may = lab.allows(&request.who, &format!("/vms/{}", request.vmid()), &["VM.Allocate"])
        || pool.is_some_and(|pool| lab.allows(&request.who, &format!("/pool/{pool}"), &["VM.Allocate"]));
    if may { Ok(()) } else { Err(Failure::permission("")) }
}

/// The options of the new container, with storages that it may use.
fn requested(lab: &Lab, request: &Request) -> Result<Options, Failure> {
    let mut options: Options = DEFAULTS.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    options.insert("hostname".to_owned(), format!("CT{}", request.vmid()));
    let storage = request.params.text("storage").unwrap_or("local");
    options.insert("rootfs".to_owned(), format!("{storage}:{ROOT_SIZE}"));
    given(lab, request, &mut options)?;
    Ok(options)
}

/// Sets what the call says, in the form in which it is kept.
pub fn given(lab: &Lab, request: &Request, options: &mut Options) -> Result<(), Failure> {
    let given = request.params.texts().filter(|(key, _)| !OTHERS.contains(key));
    options.extend(given.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let mac_prefix = lab.mac_prefix();
    for (key, value) in options {
        if is_mount_key(key)
            && let Some((storage, _)) = Mount::parse(value).request()
        {
            require_root_storage(lab, request, storage)?;
        } else if key.starts_with("net") {
            *value = stored_network(value, &mac_prefix);
        } else if key == "tags" {
            *value = normal_tags(value);
        }
    }
    Ok(())
}

/// Refuses a storage that takes no containers.
pub fn require_root_storage(lab: &Lab, request: &Request, id: &str) -> Result<(), Failure> {
    let storage = lab.enabled_storage(request.node(), id)?;
    if !storage.content().contains("rootdir") {
        let message = format!("storage '{id}' does not support container directories");
        return Err(Failure::parameter("storage", message));
    }
    lab.require(&request.who, &format!("/storage/{id}"), &["Datastore.AllocateSpace"])
}

/// Path of the template.
fn template(lab: &Lab, request: &Request) -> Result<String, Failure> {
    let text = request.params.text_or_empty("ostemplate");
    let id =
        VolumeId::parse(text).ok_or_else(|| Failure::died(format!("unable to parse volume ID '{text}'")))?;
    lab.require_volume(&request.who, None, &id)?;
    lab.usable_storage(request.node(), &id.storage)?;
    let path = lab.volume_path(&id).map_err(Failure::died)?;
    match lab.volume(request.node(), &id) {
        Some(volume) if volume.content == "vztmpl" => Ok(path),
        _ => Err(Failure::died(format!("volume '{id}' does not exist"))),
    }
}

impl Lab {
    /// Makes the volumes of a container and writes its configuration.
    fn make_container(
        &mut self,
        vmid: u32,
        mut options: Options,
        template: &str,
        pool: Option<&str>,
        upid: &Upid,
    ) -> Result<(), Failure> {
        let node = upid.node.clone();
        let mut log = Vec::new();
        let mut made = Container { node: node.clone(), ..Container::default() };
        let keys: Vec<String> = mount_keys(&options).into_iter().map(str::to_owned).collect();
        for key in keys {
            let text = options.get(&key).map_or("", String::as_str);
            match self.make_mount(&node, vmid, text, &mut log) {
                Ok(stored) => {
                    made.config.insert(key.clone(), stored.clone());
                    options.insert(key, stored);
                }
                Err(failure) => {
                    self.free_volumes(&made);
                    return Err(failure);
                }
            }
        }
        log.into_iter().for_each(|line| self.tasks.log(upid, line));
        self.tasks.log(upid, format!("extracting archive '{template}'"));
        options.entry("ostype".to_owned()).or_insert_with(|| system(template).to_owned());
        if let Some(pool) = pool.and_then(|pool| self.pools.get_mut(pool)) {
            pool.guests.insert(vmid);
        }
        self.containers.insert(vmid, Container { node, config: options, started_at: None });
        Ok(())
    }

    /// Makes the volume that a mount point asks for; answers what is stored.
    pub fn make_mount(
        &mut self,
        node: &str,
        vmid: u32,
        text: &str,
        log: &mut Vec<String>,
    ) -> Result<String, Failure> {
        let mut mount = Mount::parse(text);
        let Some((storage, size)) = mount.request() else { return Ok(text.to_owned()) };
        let bytes = gib_to_bytes(size)
            .ok_or_else(|| Failure::died(format!("unable to parse volume ID '{}'", mount.source)))?;
        let image = NewImage { node, storage, vmid, format: "raw", size: bytes, stem: None, is_base: false };
        let id = self.allocate(&image, log)?;
        if let Some(volume) = self.volume_mut(node, &id) {
            volume.content = "rootdir".to_owned();
        }
        mount.options.insert("size".to_owned(), format_size(bytes));
        mount.source = id.to_string();
        Ok(mount.to_string())
    }
}

/// The system in a template, by its name.
fn system(template: &str) -> &'static str {
    let name = template.rsplit('/').next().unwrap_or_default();
    let known = [
        "alpine",
        "archlinux",
        "centos",
        "debian",
        "devuan",
        "fedora",
        "gentoo",
        "nixos",
        "opensuse",
        "ubuntu",
    ];
    known.into_iter().find(|system| name.starts_with(system)).unwrap_or("unmanaged")
}
