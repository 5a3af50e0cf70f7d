//! `homelab_pve_vm`: one virtual machine, found by its number or its name.

use pve_client::{Guest, VmAddress, VmId};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::guests::{addresses, machines};

/// Finds a virtual machine or template anywhere in the cluster, by number or by name.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_vm")]
pub struct Vm {
    /// Number of the machine. Give either this or `name`.
    #[schema(wire = "vmid", validate = range(100, 999_999_999))]
    pub vm_id: Defaulted<i64>,

    /// Name of the machine. Proxmox VE allows several with the same name; finding more than one is an error.
    pub name: Defaulted<String>,

    /// Node that the machine is on.
    #[schema(wire = "node")]
    pub node_name: Computed<String>,

    /// `running`, `stopped`, or `unknown` for the first seconds of a new machine and while its node is down.
    pub status: Computed<String>,

    /// Whether it is a template.
    pub template: Computed<bool>,

    /// Pool that the machine is in; null if none.
    #[schema(wire = "pool")]
    pub pool_name: Computed<String>,

    /// Tags of the machine.
    pub tags: Computed<BTreeSet<String>>,

    /// Whether to read `addresses`, which takes two more calls, and three seconds if nothing answers. By default not.
    pub read_addresses: Option<bool>,

    /// Present addresses by interface, as the guest names it, for the machine's own network devices; those that are only
    /// valid on their link are left out. Only with `read_addresses`; null if the machine does not run or its guest agent
    /// does not answer.
    pub addresses: Computed<BTreeMap<String, Vec<String>>>,
}

impl From<Guest> for Vm {
    fn from(found: Guest) -> Self {
        Self {
            vm_id: i64::from(found.id.number()).into(),
            name: found.name.into(),
            node_name: found.node.to_string().into(),
            status: found.status.into(),
            template: found.template.into(),
            pool_name: found.pool.map(|pool| pool.to_string()).into(),
            tags: found.tags.into(),
            read_addresses: None,
            addresses: Computed::Null,
        }
    }
}

impl DataSource for Vm {
    type Cx = Cx;

    fn validate(config: &Value, out: &mut Diagnostics) {
        rules::exactly_one_of(config, &["vm_id", "name"], out);
    }

    async fn read(cx: &Cx, config: Self) -> Result<Self> {
        let pve = cx.pve()?;
        let machines = machines(&pve).await.explain::<Self>(cx, "list the virtual machines")?;
        let found = Self::find(machines, &config)?;
        let at = VmAddress::new(found.node.clone(), found.id);
        let mut vm = Self::from(found);
        if config.read_addresses == Some(true) {
            let found = addresses(&pve, &at).await;
            vm.addresses =
                found.explain::<Self>(cx, format_args!("read the addresses of VM {}", at.id))?.into();
        }
        Ok(Self { read_addresses: config.read_addresses, ..vm })
    }
}

impl Vm {
    fn find(machines: Vec<Guest>, config: &Self) -> Result<Guest> {
        if let Some(number) = config.vm_id.known() {
            let id = VmId::try_from(*number).map_err(|error| {
                Error::new("Invalid value", format!("The number cannot be used: {error}.")).at("vm_id")
            })?;
            let found = machines.into_iter().find(|guest| guest.id == id);
            return found.ok_or_else(|| missing(&format!("the number {id}")).at("vm_id"));
        }
        let name = config.name.known().cloned().unwrap_or_default();
        let mut found: Vec<Guest> =
            machines.into_iter().filter(|guest| guest.name.as_deref() == Some(name.as_str())).collect();
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(last), false) => Err(ambiguous(&name, found.iter().chain([&last])).at("name")),
            (None, _) => Err(missing(&format!("the name {name:?}")).at("name")),
        }
    }
}

fn missing(which: &str) -> Error {
    Error::new(
        "VM does not exist",
        format!(
            "The cluster has no virtual machine with {which} that this login may see. Check it, and that the login has \
             the privilege VM.Audit on the machine or its pool: Proxmox VE hides machines silently."
        ),
    )
}

fn ambiguous<'a>(name: &str, found: impl Iterator<Item = &'a Guest>) -> Error {
    let list: Vec<String> =
        found.map(|guest| format!("{} on node {:?}", guest.id, guest.node.as_str())).collect();
    Error::new(
        "VM name is not unique",
        format!(
            "Several virtual machines have the name {name:?}: {}. Use `vm_id` to say which one is meant.",
            list.join(", ")
        ),
    )
}
