//! `homelab_pve_node`: settings of a node.

use pve_client::{Dns, HostsFile, InterfaceName, NodeName, PropertyString, Pve, Settings};
use tf_framework::prelude::*;

use super::lifecycle::if_there;
use super::location::Location;
use super::node_acme::{self, Acme, AcmeDomain, Slots};
use super::places::{is_ip, is_ipv4};
use super::text::without_final_line_break;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::preflight::need;

/// Settings of a node that exists. Have this resource once at most for each node.
///
/// Only settings that are set here are managed; all others are left as they are. Deleting the resource removes the notes,
/// wake-on-LAN and the other options; name servers, hosts file and time zone stay, for a node cannot be without.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_node")]
pub struct Node {
    /// Name of the node. A change takes over another node.
    #[schema(parse, wire = "node", replace)]
    pub name: NodeName,

    /// Notes of the node, as Markdown.
    #[schema(wire = "description", validate = length(1, 65536), validate = matches("not empty, without a line break at its end (around a heredoc: `chomp(…)`)", without_final_line_break))]
    pub description: Option<String>,

    /// How other nodes wake this one.
    #[schema(wire = "wakeonlan")]
    pub wake_on_lan: Option<WakeOnLan>,

    /// How long the node waits after its start before it starts its guests, in seconds. Proxmox VE's default is 0.
    #[schema(wire = "startall-onboot-delay", validate = range(0, 300))]
    pub guest_start_delay_seconds: Option<i64>,

    /// How full the memory of the node has to be before guests give some back (ballooning), in percent. Proxmox VE's
    /// default is 80.
    #[schema(wire = "ballooning-target", validate = range(0, 100))]
    pub ballooning_target_percent: Option<i64>,

    /// Where the node is. New in Proxmox VE 9.
    #[schema(wire = "location")]
    pub location: Option<Location>,

    /// The certificate that the node orders by ACME. It is ordered on the node, with `pvenode acme cert order`, and then
    /// renewed by itself.
    #[schema(wire = "acme", validate = not_empty())]
    pub acme: Option<Acme>,

    /// Domains of the certificate that plugins prove, by slot: `acmedomain0` to `acmedomain5`.
    #[schema(wire = "acmedomainN", validate = length(1, usize::MAX), validate = Slots)]
    pub acme_domains: Option<BTreeMap<String, AcmeDomain>>,

    /// Name servers. Without it they stay as they are.
    #[schema(keep)]
    pub dns: Defaulted<NodeDns>,

    /// The whole file `/etc/hosts`. It has to name the node with its address, or the cluster breaks. Without it the file
    /// stays as it is.
    #[schema(wire = "data", keep)]
    pub hosts: Defaulted<String>,

    /// Time zone, such as `Europe/Berlin` or `UTC`. Without it the zone stays as it is.
    #[schema(wire = "timezone", keep, validate = length(1, usize::MAX))]
    pub time_zone: Defaulted<String>,
}

/// How other nodes wake this one.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct WakeOnLan {
    /// MAC address to wake.
    #[schema(wire = "mac", validate = matches("six pairs of hexadecimal digits with colons between", is_mac))]
    pub mac_address: String,

    /// Interface that the waking node sends through. Without it, that of its default route.
    #[schema(parse, wire = "bind-interface")]
    pub bind_interface: Option<InterfaceName>,

    /// Address that the packet goes to. Proxmox VE's default is `255.255.255.255`.
    #[schema(wire = "broadcast-address", validate = matches("an IPv4 address", is_ipv4))]
    pub broadcast_address: Option<String>,
}

/// Name servers.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct NodeDns {
    /// Domain that names without one are looked up in.
    #[schema(wire = "search")]
    pub search_domain: String,

    /// Addresses of the name servers, one to three.
    #[schema(wire = "dns1", validate = length(1, 3), validate = each(matches("an IP address", is_ip)))]
    pub servers: Vec<String>,
}

fn is_mac(text: &str) -> bool {
    let pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(pair)
}

impl WakeOnLan {
    fn wire(&self) -> String {
        // A MAC alone is written without its key, as versions before 8.2 need it.
        let mut text =
            PropertyString { default: Some(self.mac_address.clone()), ..PropertyString::default() };
        text.set("bind-interface", self.bind_interface.as_ref());
        text.set("broadcast-address", self.broadcast_address.as_ref());
        text.to_string()
    }

    fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("wakeonlan", Some("mac"))?;
        Some(Self {
            mac_address: text.default.clone()?,
            bind_interface: text.value("bind-interface").and_then(|name| name.parse().ok()),
            broadcast_address: text.value("broadcast-address").map(str::to_owned),
        })
    }
}

impl Node {
    fn options(&self) -> Settings {
        let settings = Settings::new()
            .opt("description", self.description.as_ref())
            .opt("wakeonlan", self.wake_on_lan.as_ref().map(WakeOnLan::wire))
            .opt("startall-onboot-delay", self.guest_start_delay_seconds)
            .opt("ballooning-target", self.ballooning_target_percent)
            .properties("location", &self.location.as_ref().map(Location::wire).unwrap_or_default());
        node_acme::write(self.acme.as_ref(), self.acme_domains.as_ref(), settings)
    }
}

/// Reads everything, or only what `prior` manages; the rest costs a call each.
async fn read(pve: &Pve, name: &NodeName, prior: Option<&Node>) -> pve_client::Result<Node> {
    let wanted = |is: fn(&Node) -> bool| prior.is_none_or(is);
    let options = pve.node_options(name).await?;
    let dns = if wanted(|node| node.dns.known().is_some()) { Some(pve.node_dns(name).await?) } else { None };
    let hosts = if wanted(|node| node.hosts.known().is_some()) {
        Some(pve.node_hosts(name).await?.text)
    } else {
        None
    };
    let zone = wanted(|node| node.time_zone.known().is_some());
    let time_zone = if zone { Some(pve.node_time_zone(name).await?) } else { None };
    let dns = dns
        .filter(|dns| !dns.servers.is_empty())
        .map(|dns| NodeDns { search_domain: dns.search_domain.unwrap_or_default(), servers: dns.servers });
    Ok(Node {
        name: name.clone(),
        description: options.string("description").filter(|_| wanted(|node| node.description.is_some())),
        wake_on_lan: WakeOnLan::read(&options).filter(|_| wanted(|node| node.wake_on_lan.is_some())),
        guest_start_delay_seconds: options
            .int("startall-onboot-delay")
            .filter(|_| wanted(|node| node.guest_start_delay_seconds.is_some())),
        ballooning_target_percent: options
            .int("ballooning-target")
            .filter(|_| wanted(|node| node.ballooning_target_percent.is_some())),
        location: Location::read(&options).filter(|_| wanted(|node| node.location.is_some())),
        acme: Acme::read(&options).filter(|_| wanted(|node| node.acme.is_some())),
        acme_domains: AcmeDomain::read_all(&options).filter(|_| wanted(|node| node.acme_domains.is_some())),
        dns: dns.into(),
        hosts: hosts.into(),
        time_zone: time_zone.into(),
    })
}

/// Sends what differs from another state.
async fn write(pve: &Pve, want: &Node, before: Option<&Node>) -> pve_client::Result<()> {
    let name = &want.name;
    let changes = before.map(Node::options).unwrap_or_default().changes_to(&want.options());
    pve.change_node_options(name, &changes).await?;
    let before = |is: fn(&Node) -> Value| before.map(is).unwrap_or(Value::Null);
    if let Some(dns) =
        want.dns.known().filter(|dns| before(|node| encode(node.dns.known())) != encode(Some(dns)))
    {
        let search_domain = Some(dns.search_domain.clone());
        pve.set_node_dns(name, &Dns { search_domain, servers: dns.servers.clone() }).await?;
    }
    if let Some(text) = want
        .hosts
        .known()
        .filter(|text| before(|node| node.hosts.known().cloned().into()) != Value::from(text.as_str()))
    {
        let digest = pve.node_hosts(name).await?.digest;
        pve.set_node_hosts(name, &HostsFile { text: text.clone(), digest }).await?;
    }
    if let Some(zone) = want
        .time_zone
        .known()
        .filter(|zone| before(|node| node.time_zone.known().cloned().into()) != Value::from(zone.as_str()))
    {
        pve.set_node_time_zone(name, zone).await?;
    }
    Ok(())
}

fn encode(dns: Option<&NodeDns>) -> Value {
    dns.map_or(Value::Null, ObjectModel::encode_object)
}

impl Resource for Node {
    type Cx = Cx;
    type Id = NodeName;

    fn id(&self) -> NodeName {
        self.name.clone()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        if let (Some(hosts), Some(name)) =
            (config.attribute("hosts").as_str(), config.attribute("name").as_str())
        {
            let named = hosts
                .lines()
                .map(|line| line.split('#').next().unwrap_or_default())
                .any(|line| line.split_whitespace().skip(1).any(|word| word.split('.').next() == Some(name)));
            if !named {
                out.error(
                    "hosts",
                    "Node is not in its hosts file",
                    format!(
                        "The file has no line with the address and the name of the node {name:?}. Proxmox VE does not start \
                         on a node that cannot find itself. Add a line such as\n\n  192.0.2.10 {name}.example {name}"
                    ),
                );
            }
        }
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        if plan.prior.is_none() {
            // What a new resource does not name is not looked at either.
            for name in ["dns", "hosts", "time_zone"] {
                if plan.config.attribute(name).is_null() {
                    plan.set(name, Value::Null);
                }
            }
        }
        let (want, prior) = (plan.want(), plan.prior.clone());
        let Some(node) = want.clone().or_else(|| prior.clone()) else { return Ok(()) };
        cx.check_node(plan, "name", &node.name).await?;
        let options = |node: &Option<Node>| node.as_ref().map(Node::options).unwrap_or_default();
        let path = format!("/nodes/{}", node.name);
        let mut needs =
            vec![need(&path, &["Sys.Modify"]), need(&path, &["Sys.Audit"]), need("/", &["Sys.Audit"])];
        if options(&want) != options(&prior) {
            needs.push(need("/", &["Sys.Modify"]));
        }
        cx.preflight(plan, &needs).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<NodeName> {
        let done = write(&cx.pve()?, want, None).await;
        done.explain::<Self>(cx, format_args!("set up node {:?}", want.name.as_str()))?;
        Ok(want.name.clone())
    }

    async fn read(cx: &Cx, id: &NodeName, prior: Option<&Self>) -> Result<Option<Self>> {
        let found = if_there(read(&cx.pve()?, id, prior).await);
        found.explain::<Self>(cx, format_args!("read node {:?}", id.as_str()))
    }

    async fn update(cx: &Cx, id: &NodeName, change: Change<'_, Self>) -> Result<()> {
        let done = write(&cx.pve()?, change.want, Some(change.prior)).await;
        done.explain::<Self>(cx, format_args!("change node {:?}", id.as_str()))
    }

    async fn delete(cx: &Cx, id: &NodeName, prior: &Self) -> Result<()> {
        let changes = prior.options().changes_to(&Settings::new());
        let done = cx.pve()?.change_node_options(id, &changes).await;
        done.explain::<Self>(cx, format_args!("reset node {:?}", id.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wake_on_lan_is_read_with_and_without_its_key() {
        let read = |text: &str| WakeOnLan::read(&Settings::new().set("wakeonlan", text)).unwrap();
        assert_eq!(read("BC:24:11:00:00:09"), read("mac=BC:24:11:00:00:09"));
        assert_eq!(read("BC:24:11:00:00:09").wire(), "BC:24:11:00:00:09");
        let full = "BC:24:11:00:00:09,bind-interface=eno1,broadcast-address=192.0.2.255";
        assert_eq!(read(full).wire(), full);
    }

    #[test]
    fn a_hosts_file_without_the_node_is_refused() {
        let check = |hosts: &str| {
            let mut out = Diagnostics::new();
            Node::validate(
                &Value::object([("name", Value::from("pve1")), ("hosts", Value::from(hosts))]),
                &mut out,
            );
            out.is_empty()
        };
        assert!(check("127.0.0.1 localhost\n192.0.2.11 pve1.example.test pve1\n"));
        assert!(!check("127.0.0.1 localhost\n# 192.0.2.11 pve1\n"));
    }
}
