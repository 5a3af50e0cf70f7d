//! Waiting, after a start, for what runs inside: the guest agent, or an address that it tells.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use api_core::Pace;
use pve_client::{AgentInterface, Error as PveError, Net, Problem, VmConfig};
use serde_json::Value as Json;
use tf_framework::prelude::*;

use super::agent;
use super::inherited::Question;
use super::machine::Machine;
use super::model::Vm;
use super::slot;
use crate::cx::Cx;

/// How long to wait when the user says nothing.
const LIMIT_SECONDS: i64 = 300;

/// How often the agent is asked. Proxmox VE takes three seconds to say that there is none.
const PACE: Pace = Pace { first: Duration::from_millis(200), longest: Duration::from_secs(3) };

/// How often the log says what is waited for.
const PROGRESS: Duration = Duration::from_secs(15);

/// Where an apply leaves what it saw for the read that follows: the addresses, or `false` if it waited in vain.
const SEEN: &str = "guest_addresses";

/// Addresses by the guest's name of the interface.
pub(crate) type Addresses = BTreeMap<String, Vec<String>>;

/// What a start waits for.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct WaitFor {
    /// Whether the QEMU guest agent has to answer. Give this, `address`, or both.
    pub agent: Option<bool>,

    /// Address that the guest has to have: `ipv4`, `ipv6`, or `any` of them. Addresses that are only valid on their link
    /// or inside the guest do not count.
    #[schema(validate = one_of(["ipv4", "ipv6", "any"]))]
    pub address: Option<String>,

    /// Interface that has to have the address, by its name in the guest, for example `eth0`. By default any that belongs
    /// to a network device of the machine, so addresses of bridges for containers do not count.
    #[schema(validate = length(1, 64))]
    pub interface_name: Option<String>,

    /// How many seconds to wait, from 1 to 3600. Default 300.
    #[schema(validate = range(1, 3600))]
    pub timeout_seconds: Option<i64>,
}

impl WaitFor {
    fn limit(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.timeout_seconds.unwrap_or(LIMIT_SECONDS)).unwrap_or_default())
    }

    /// What is waited for, for messages.
    fn wish(&self) -> String {
        let Some(kind) = &self.address else { return "an answer of the guest agent".to_owned() };
        let kind = match kind.as_str() {
            "ipv4" => "an IPv4 address",
            "ipv6" => "an IPv6 address",
            _ => "an address",
        };
        match &self.interface_name {
            Some(name) => format!("{kind} of the interface {name:?}"),
            None => kind.to_owned(),
        }
    }

    /// Whether these addresses are what is waited for.
    fn is_met(&self, found: &Addresses) -> bool {
        let Some(kind) = &self.address else { return true };
        let fits = |text: &String| match (kind.as_str(), text.parse()) {
            ("ipv4", Ok(IpAddr::V4(_))) | ("ipv6", Ok(IpAddr::V6(_))) => true,
            (kind, Ok(_)) => kind == "any",
            _ => false,
        };
        found
            .iter()
            .filter(|(name, _)| self.interface_name.as_ref().is_none_or(|wanted| wanted == *name))
            .any(|(_, addresses)| addresses.iter().any(fits))
    }
}

/// The addresses of the machine's own network devices, and of one more interface if it is named.
pub(crate) fn addresses(found: &[AgentInterface], config: &VmConfig, named: Option<&str>) -> Addresses {
    let macs: BTreeSet<String> = config
        .values
        .iter()
        .filter(|(key, _)| slot::is_network(key))
        .filter_map(|(_, value)| Some(value.parse::<Net>().ok()?.mac?.to_lowercase()))
        .collect();
    let ours = |interface: &&AgentInterface| {
        named == Some(interface.name.as_str())
            || interface.mac.as_ref().is_some_and(|mac| macs.contains(&mac.to_lowercase()))
    };
    let usable = |address: &str| address.parse().is_ok_and(|address| !is_of_link(address));
    let texts = |interface: &AgentInterface| {
        let texts = interface.addresses.iter().map(|found| found.address.clone());
        texts.filter(|text| usable(text)).collect()
    };
    found.iter().filter(ours).map(|interface| (interface.name.clone(), texts(interface))).collect()
}

/// Whether an address says nothing beyond its link.
fn is_of_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local(),
    }
}

impl Machine<'_> {
    /// Waits for what the configuration wants of a guest that was started, and notes its addresses.
    pub(super) async fn wait_for_guest(&self, want: &Vm) -> Result<()> {
        let Some(wish) = want.wait_for.as_ref().filter(|_| want.is_started()) else { return Ok(()) };
        // Whoever reads the machine after a failure knows that it has to be waited for again.
        self.cx.operation().set_private(SEEN, Json::Bool(false));
        let config = self.config().await?;
        let pve = self.pve.client().scoped(self.pve.scope().at_most(wish.limit()));
        let (mut wait, mut told) = (PACE.first, Instant::now());
        let mut seen = None;
        let failed = loop {
            match pve.agent_interfaces(&self.at).await {
                Ok(found) => {
                    seen = found.map(|found| addresses(&found, &config, wish.interface_name.as_deref()));
                }
                Err(error) => break error,
            }
            if let Some(found) = seen.as_ref().filter(|found| wish.is_met(found)) {
                self.cx.operation().set_private(SEEN, serde_json::json!(found));
                return Ok(());
            }
            if told.elapsed() > PROGRESS {
                told = Instant::now();
                tracing::info!(vm = %self.at, ?seen, "waiting for {}", wish.wish());
            }
            if let Err(error) = pve.scope().sleep(wait).await {
                break error.into();
            }
            wait = PACE.next(wait);
        };
        match failed {
            PveError::TimedOut { .. } => Err(self.not_ready(wish, seen)),
            error if error.problem() == Problem::AgentDisabled => Err(self.without_agent(wish).await?),
            error => self.explain(Err(error), &format!("wait for {} of", wish.wish())),
        }
    }

    fn not_ready(&self, wish: &WaitFor, seen: Option<Addresses>) -> Error {
        let seen = match seen {
            None => {
                "The guest agent did not answer. Check that the guest boots, and that `qemu-guest-agent` is \
                     installed in it and runs."
                    .to_owned()
            }
            Some(found) => {
                let list: Vec<String> =
                    found.iter().map(|(name, list)| format!("{name}: {}", list.join(", "))).collect();
                let list = if list.is_empty() { "no interface".to_owned() } else { list.join("; ") };
                format!(
                    "The guest agent answers and tells of {list}. Check the network of the guest: its bridge and VLAN, \
                     whether a DHCP server answers there, and `cloud_init.ip_configs`."
                )
            }
        };
        Error::new(
            "Guest is not ready",
            format!(
                "VM {} on node {:?} runs, but within {} seconds there was not {}. {seen} If it only takes longer, raise \
                 `wait_for.timeout_seconds`. A machine that was just made is marked as tainted and made anew by the next \
                 apply, unless `tofu untaint` says that it is fine.",
                self.at.id,
                self.at.node.as_str(),
                wish.limit().as_secs(),
                wish.wish(),
            ),
        )
        .at("wait_for")
    }

    async fn without_agent(&self, wish: &WaitFor) -> Result<Error> {
        let pending = self.explain(self.pve.vm_pending(&self.at).await, "read")?;
        let why = if pending.waiting().any(|key| key == "agent") {
            "it was started without the guest agent, which is enabled only at its next start: it was not restarted, because \
             `reboot_when_needed` is `false`. Restart it by hand, or set `reboot_when_needed` to `true`."
        } else {
            "the guest agent is not enabled in its configuration, so nothing can be asked. Set `agent = { enabled = true }`, \
             and install `qemu-guest-agent` in the guest."
        };
        let (id, node, wish) = (self.at.id, self.at.node.as_str(), wish.wish());
        let detail = format!("VM {id} on node {node:?} runs, and {wish} is waited for, but {why}");
        Ok(Error::new("Guest agent is disabled", detail).at("wait_for"))
    }
}

/// The addresses for the state: what this apply saw if the plan left them open, else what is known.
pub(super) fn read(cx: &Cx, prior: Option<&Vm>) -> Computed<Addresses> {
    let seen = cx.operation().private(SEEN);
    cx.operation().set_private(SEEN, Json::Null);
    let waits = prior.is_some_and(|prior| prior.wait_for.is_some());
    match (prior.map(|prior| &prior.addresses), seen) {
        (_, Some(Json::Bool(_))) => Computed::Null,
        (Some(known @ Computed::Known(_)), _) if waits => known.clone(),
        (_, Some(seen)) if waits => serde_json::from_value::<Addresses>(seen).ok().into(),
        _ => Computed::Null,
    }
}

/// Plans the addresses: they become known when the guest is waited for. `restarts` is whether the change restarts it.
pub(super) fn plan(before: Option<&Value>, restarts: bool, plan: &mut Plan<'_, Vm>) {
    let runs = |vm: &Value| vm.attribute("started").as_bool() != Some(false);
    let stays_off = before.is_some_and(|before| !runs(before)) && !runs(plan.planned);
    if plan.planned.attribute("wait_for").is_null() || !runs(plan.planned) {
        if !stays_off || plan.planned.attribute("wait_for").is_null() {
            plan.set("addresses", Value::Null);
        }
        return;
    }
    without_agent(before, plan);
    let same = before.is_some_and(|before| {
        let settings = |vm: &Value| {
            ["agent", "address", "interface_name"]
                .map(|name| vm.attribute("wait_for").attribute(name).clone())
        };
        before.attribute("addresses").is_set() && runs(before) && settings(before) == settings(plan.planned)
    });
    if !same || restarts {
        plan.mark_unknown("addresses");
    }
}

/// A machine without an agent cannot be waited for.
fn without_agent(before: Option<&Value>, plan: &mut Plan<'_, Vm>) {
    let enabled = |vm: &Value| vm.at(&"agent.enabled".into()).clone();
    let loses_it = before.is_some_and(|before| !enabled(before).is_null()) && enabled(plan.planned).is_null();
    if loses_it || enabled(plan.planned) == Value::Bool(false) {
        plan.push(no_agent());
    }
}

/// Where no argument says whether there is an agent, the machine or its template knows.
pub(super) fn questions(before: Option<&Value>, after: &Value) -> Vec<Question> {
    let waits =
        |vm: &Value| vm.attribute("wait_for").is_set() && vm.attribute("started").as_bool() != Some(false);
    let names = |vm: &Value| vm.attribute("agent").is_set() || vm.attribute("agent").is_unknown();
    if !waits(after) || names(after) || before.is_some_and(|before| waits(before) || names(before)) {
        return Vec::new();
    }
    vec![Box::new(|found| (!agent::is_enabled(found)).then(no_agent))]
}

fn no_agent() -> Diagnostic {
    Diagnostic::error(
        "Guest agent is disabled",
        "What runs inside is asked through the guest agent, which this machine does not enable. Set `agent = { enabled = \
         true }`, and use an image with `qemu-guest-agent`, or remove `wait_for`.",
    )
    .at("wait_for")
}

/// Rules over several arguments.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    let wish = config.attribute("wait_for");
    if !wish.is_set() {
        return;
    }
    let path = Path::from("wait_for");
    let says_nothing = wish.attribute("address").is_null()
        && matches!(wish.attribute("agent"), Value::Null | Value::Bool(false));
    if says_nothing {
        out.error(
            path.clone(),
            "Missing argument",
            "Say what to wait for: `agent = true`, an `address`, or both. Remove `wait_for` to wait for nothing.",
        );
    }
    rules::also_requires(config, "wait_for.interface_name", &["wait_for.address"], out);
    if config.attribute("template").as_bool() == Some(true) {
        out.error(
            path,
            "Template cannot run",
            "A template never runs, so there is nothing to wait for. Remove `wait_for`.",
        );
    }
}

#[cfg(test)]
mod tests {
    use pve_client::AgentAddress;

    use super::*;

    fn interface(name: &str, mac: &str, addresses: &[&str]) -> AgentInterface {
        let address = |text: &&str| AgentAddress {
            address: (*text).to_owned(),
            ipv6: text.contains(':'),
            prefix: None,
        };
        AgentInterface {
            name: name.to_owned(),
            mac: Some(mac.to_owned()),
            addresses: addresses.iter().map(address).collect(),
        }
    }

    fn seen(named: Option<&str>) -> Addresses {
        let values = [("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0"), ("scsi0", "a:1,size=1G")];
        let values = values.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let found = [
            interface("lo", "00:00:00:00:00:00", &["127.0.0.1", "::1"]),
            interface("ens18", "bc:24:11:00:00:01", &["fe80::1", "192.0.2.7", "2001:db8::7"]),
            interface("docker0", "02:42:00:00:00:01", &["172.17.0.1"]),
        ];
        addresses(&found, &VmConfig { values, digest: None }, named)
    }

    #[test]
    fn only_addresses_of_the_own_devices_are_told() {
        let own = ("ens18".to_owned(), vec!["192.0.2.7".to_owned(), "2001:db8::7".to_owned()]);
        assert_eq!(seen(None), [own.clone()].into());
        let docker = ("docker0".to_owned(), vec!["172.17.0.1".to_owned()]);
        assert_eq!(seen(Some("docker0")), [own, docker].into());
    }

    #[test]
    fn a_wish_is_met_by_an_address_of_its_kind_on_its_interface() {
        let wish = |address: Option<&str>, interface: Option<&str>| WaitFor {
            address: address.map(str::to_owned),
            interface_name: interface.map(str::to_owned),
            ..WaitFor::default()
        };
        let only = |text: &str| Addresses::from([("ens18".to_owned(), vec![text.to_owned()])]);
        assert!(wish(None, None).is_met(&Addresses::new()));
        assert!(!wish(Some("any"), None).is_met(&Addresses::new()));
        assert!(wish(Some("any"), None).is_met(&only("192.0.2.7")));
        assert!(wish(Some("ipv4"), Some("ens18")).is_met(&only("192.0.2.7")));
        assert!(!wish(Some("ipv4"), Some("ens19")).is_met(&only("192.0.2.7")));
        assert!(!wish(Some("ipv6"), None).is_met(&only("192.0.2.7")));
        assert!(wish(Some("ipv6"), None).is_met(&only("2001:db8::7")));
    }
}
