//! The certificate that a node orders by ACME: its account and its domains.

use pve_client::{PropertyString, Settings};
use tf_framework::prelude::*;

/// How many domains may have a plugin of their own.
const MOST_DOMAINS: usize = 6;

/// Whose certificate a node orders.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Acme {
    /// Account at the authority. Proxmox VE's default is `default`.
    #[schema(wire = "account", validate = matches("a letter, then letters, digits, `-` or `_`", is_config_id))]
    pub account_name: Option<String>,

    /// Domains that are proven by a web server on the node, without a plugin.
    #[schema(wire = "domains", validate = length(1, usize::MAX), validate = each(matches("a domain name", is_domain)))]
    pub domains: Option<BTreeSet<String>>,
}

/// A domain of the certificate that a plugin proves.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct AcmeDomain {
    /// The domain.
    #[schema(wire = "domain", validate = matches("a domain name", is_domain))]
    pub domain: String,

    /// Plugin that proves it. Proxmox VE's default is `standalone`, a web server on the node.
    #[schema(wire = "plugin", validate = matches("a letter, then letters, digits, `-` or `_`", is_config_id))]
    pub plugin_name: Option<String>,

    /// Domain in whose zone the proof is put in place of this one.
    #[schema(wire = "alias", validate = matches("a domain name", is_domain))]
    pub alias: Option<String>,
}

/// Names of the slots: `acmedomain0` to `acmedomain5`.
#[derive(Debug)]
pub(super) struct Slots;

impl Validator for Slots {
    fn check(&self, value: &Value) -> Option<String> {
        let Value::Map(entries) = value else { return None };
        let wrong = entries.keys().find(|key| !slots().any(|slot| slot == **key))?;
        Some(format!("There is no slot {wrong:?}: slots are `acmedomain0` to `acmedomain5`."))
    }

    fn describe(&self) -> String {
        "Keys are `acmedomain0` to `acmedomain5`.".to_owned()
    }
}

fn slots() -> impl Iterator<Item = String> {
    (0..MOST_DOMAINS).map(|number| format!("acmedomain{number}"))
}

/// Names in configuration files, as Proxmox VE's format `pve-configid` has them.
fn is_config_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 1
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
}

/// A name that a certificate can have; `*.` in front means every name below it.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.strip_prefix("*.").unwrap_or(text).split('.').all(label)
}

impl Acme {
    fn wire(&self) -> PropertyString {
        let mut text = PropertyString::default();
        let domains = self.domains.as_ref();
        text.set("account", self.account_name.as_ref());
        text.set("domains", domains.map(|names| names.iter().cloned().collect::<Vec<_>>().join(";")));
        text
    }

    pub(super) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("acme", None)?;
        let names = |names: &str| {
            names
                .split([';', ' '])
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect::<BTreeSet<String>>()
        };
        Some(Self {
            account_name: text.value("account").map(str::to_owned),
            domains: text.value("domains").map(names),
        })
    }
}

impl AcmeDomain {
    fn wire(&self) -> PropertyString {
        let mut text = PropertyString { default: Some(self.domain.clone()), ..PropertyString::default() };
        text.set("plugin", self.plugin_name.as_ref());
        text.set("alias", self.alias.as_ref());
        text
    }

    /// The domains by their slots; nothing where there is none.
    pub(super) fn read_all(settings: &Settings) -> Option<BTreeMap<String, Self>> {
        let read = |slot: String| {
            let text = settings.property(&slot, Some("domain"))?;
            let domain = Self {
                domain: text.default.clone()?,
                plugin_name: text.value("plugin").map(str::to_owned),
                alias: text.value("alias").map(str::to_owned),
            };
            Some((slot, domain))
        };
        let found: BTreeMap<String, Self> = slots().filter_map(read).collect();
        (!found.is_empty()).then_some(found)
    }
}

/// Adds both to what is sent.
pub(super) fn write(
    acme: Option<&Acme>,
    domains: Option<&BTreeMap<String, AcmeDomain>>,
    settings: Settings,
) -> Settings {
    let settings = settings.properties("acme", &acme.map(Acme::wire).unwrap_or_default());
    domains
        .into_iter()
        .flatten()
        .fold(settings, |settings, (slot, domain)| settings.properties(slot, &domain.wire()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_reads_back_what_it_sends() {
        let sent = Settings::new()
            .set("acme", "account=home,domains=a.example;b.example")
            .set("acmedomain0", "c.example,alias=proof.example,plugin=dns1")
            .set("acmedomain5", "*.d.example");
        let (acme, domains) = (Acme::read(&sent), AcmeDomain::read_all(&sent));
        assert_eq!(write(acme.as_ref(), domains.as_ref(), Settings::new()), sent);
    }

    #[test]
    fn a_slot_that_there_is_not_is_told() {
        let slots = |name: &str| Slots.check(&Value::Map([(name.to_owned(), Value::Null)].into()));
        assert!(slots("acmedomain5").is_none());
        assert!(slots("acmedomain6").unwrap().contains("acmedomain6"));
    }
}
