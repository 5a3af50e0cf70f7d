//! The options that are property strings on the wire.

use std::net::IpAddr;

use pve_client::{PropertyString, Settings};
use tf_framework::prelude::*;

use crate::resources::pve::vm::tag;

/// How nodes send data to each other.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Traffic {
    /// `secure` through SSH, `insecure` without encryption, for networks that are safe. Proxmox VE's default is `secure`.
    #[schema(wire = "type", validate = one_of(["secure", "insecure"]))]
    pub r#type: String,

    /// Network to use, as a CIDR.
    #[schema(wire = "network", validate = matches("a network with the length of its prefix, such as 192.0.2.0/24", is_cidr))]
    pub network: Option<String>,
}

/// What happens to guests of the high-availability manager when a node shuts down.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct HaPolicy {
    /// `freeze`, `failover`, `conditional` or `migrate`. Proxmox VE's default is `conditional`.
    #[schema(wire = "shutdown_policy", validate = one_of(["freeze", "failover", "conditional", "migrate"]))]
    pub shutdown_policy: String,
}

/// How the high-availability manager chooses nodes.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Scheduling {
    /// `basic` counts guests, `static` weighs their configured CPUs and memory, `dynamic` what they use. Proxmox VE's
    /// default is `basic`.
    #[schema(wire = "ha", validate = one_of(["basic", "static", "dynamic"]))]
    pub ha: Option<String>,

    /// Whether a guest that is started is moved to a better node first. Proxmox VE's default is `false`.
    #[schema(wire = "ha-rebalance-on-start")]
    pub ha_rebalance_on_start: Option<bool>,

    /// Whether guests that run are moved too when the nodes carry very different loads. New in Proxmox VE 9.2. Proxmox
    /// VE's default is `false`. The arguments below need it.
    #[schema(wire = "ha-auto-rebalance")]
    pub ha_auto_rebalance: Option<bool>,

    /// How different the loads have to be, in percent. Proxmox VE's default is 30.
    #[schema(wire = "ha-auto-rebalance-threshold", validate = range(0, 100))]
    pub ha_auto_rebalance_threshold_percent: Option<i64>,

    /// For how many rounds of the manager, about ten seconds each, they have to be so. Proxmox VE's default is 3.
    #[schema(wire = "ha-auto-rebalance-hold-duration", validate = range(0, i64::MAX))]
    pub ha_auto_rebalance_hold_rounds: Option<i64>,

    /// How much less different a move has to make them, in percent of what they are. Proxmox VE's default is 10.
    #[schema(wire = "ha-auto-rebalance-margin", validate = range(0, 100))]
    pub ha_auto_rebalance_margin_percent: Option<i64>,

    /// How moves are compared: `bruteforce` or `topsis`. Proxmox VE's default is `bruteforce`.
    #[schema(wire = "ha-auto-rebalance-method", validate = one_of(["bruteforce", "topsis"]))]
    pub ha_auto_rebalance_method: Option<String>,
}

/// Range of the IDs that are proposed for new guests.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct NextId {
    /// The lowest ID. Proxmox VE's default is 100.
    #[schema(wire = "lower", validate = range(100, 999_999_999))]
    pub lower: Option<i64>,

    /// The first ID that is too high. Proxmox VE's default is 1000000.
    #[schema(wire = "upper", validate = range(100, 1_000_000_000))]
    pub upper: Option<i64>,
}

/// How tags look.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct TagStyle {
    /// Whether upper and lower case differ. Proxmox VE's default is `false`.
    #[schema(wire = "case-sensitive")]
    pub case_sensitive: Option<bool>,

    /// Colours by tag, as `RRGGBB` or `RRGGBB:RRGGBB` for background and text.
    #[schema(wire = "color-map", validate = length(1, usize::MAX), validate = each(matches("RRGGBB or RRGGBB:RRGGBB in hexadecimal digits", is_colors)), validate = Tags)]
    pub colors: Option<BTreeMap<String, String>>,

    /// Order of tags: `config` or `alphabetical`. Proxmox VE's default is `alphabetical`.
    #[schema(wire = "ordering", validate = one_of(["config", "alphabetical"]))]
    pub ordering: Option<String>,

    /// Shape of tags in the tree: `full`, `circle`, `dense` or `none`. Proxmox VE's default is `circle`.
    #[schema(wire = "shape", validate = one_of(["full", "circle", "dense", "none"]))]
    pub shape: Option<String>,
}

/// Which tags users without `Sys.Modify` on `/` may set.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct UserTagAccess {
    /// `none`, those of the `list`, `existing` ones, or any (`free`). Proxmox VE's default is `free`.
    #[schema(wire = "user-allow", validate = one_of(["none", "list", "existing", "free"]))]
    pub user_allow: Option<String>,

    /// The tags of the list.
    #[schema(wire = "user-allow-list", validate = length(1, usize::MAX), validate = each(matches("made of letters, digits, `_`, `-`, `+` and `.`", tag)))]
    pub user_allow_list: Option<BTreeSet<String>>,
}

/// Keys that are tags.
#[derive(Debug)]
struct Tags;

impl Validator for Tags {
    fn check(&self, value: &Value) -> Option<String> {
        let Value::Map(entries) = value else { return None };
        let wrong = entries.keys().find(|key| !tag(key))?;
        Some(format!(
            "The text {wrong:?} is no tag: tags are made of letters, digits, `_`, `-`, `+` and `.`."
        ))
    }

    fn describe(&self) -> String {
        "Keys are tags.".to_owned()
    }
}

fn is_colors(text: &str) -> bool {
    let color = |color: &str| color.len() == 6 && color.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(':').count() <= 2 && text.split(':').all(color)
}

pub(super) fn properties<const N: usize>(options: [(&str, Option<String>); N]) -> PropertyString {
    let mut text = PropertyString::default();
    for (name, value) in options {
        text.set(name, value);
    }
    text
}

pub(super) fn flag(value: Option<bool>) -> Option<String> {
    value.map(|value| u8::from(value).to_string())
}

pub(super) fn joined<T: ToString>(items: Option<impl IntoIterator<Item = T>>) -> Option<String> {
    items.map(|items| items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(";"))
}

pub(super) fn set_of(text: &str) -> BTreeSet<String> {
    text.split(';').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u8>()) else { return false };
    length <= if address.is_ipv4() { 32 } else { 128 }
}

impl NextId {
    /// The range has to hold an ID.
    pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
        let bound =
            |name: &str| config.attribute("next_id").attribute(name).as_number().and_then(Number::to_i64);
        if let (Some(lower), Some(upper)) = (bound("lower"), bound("upper"))
            && lower >= upper
        {
            out.error(
                "next_id",
                "Range is empty",
                format!(
                    "The lowest ID, {lower}, is not below {upper}, which is the first that is too high, so no new guest would \
                     get one. Raise `upper` or lower `lower`."
                ),
            );
        }
    }
}

impl Traffic {
    pub(super) fn wire(&self) -> PropertyString {
        properties([("type", Some(self.r#type.clone())), ("network", self.network.clone())])
    }

    pub(super) fn read(settings: &Settings, name: &str) -> Option<Self> {
        let text = settings.property(name, Some("type"))?;
        Some(Self {
            r#type: text.default.clone().unwrap_or_else(|| "secure".to_owned()),
            network: text.value("network").map(str::to_owned),
        })
    }
}

impl Scheduling {
    pub(super) fn wire(&self) -> PropertyString {
        let number = |value: Option<i64>| value.map(|value| value.to_string());
        properties([
            ("ha", self.ha.clone()),
            ("ha-rebalance-on-start", flag(self.ha_rebalance_on_start)),
            ("ha-auto-rebalance", flag(self.ha_auto_rebalance)),
            ("ha-auto-rebalance-threshold", number(self.ha_auto_rebalance_threshold_percent)),
            ("ha-auto-rebalance-hold-duration", number(self.ha_auto_rebalance_hold_rounds)),
            ("ha-auto-rebalance-margin", number(self.ha_auto_rebalance_margin_percent)),
            ("ha-auto-rebalance-method", self.ha_auto_rebalance_method.clone()),
        ])
    }

    pub(super) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("crs", None)?;
        let number = |name: &str| text.value(name).and_then(|number| number.parse().ok());
        Some(Self {
            ha: text.value("ha").map(str::to_owned),
            ha_rebalance_on_start: text.truth("ha-rebalance-on-start"),
            ha_auto_rebalance: text.truth("ha-auto-rebalance"),
            ha_auto_rebalance_threshold_percent: number("ha-auto-rebalance-threshold"),
            ha_auto_rebalance_hold_rounds: number("ha-auto-rebalance-hold-duration"),
            ha_auto_rebalance_margin_percent: number("ha-auto-rebalance-margin"),
            ha_auto_rebalance_method: text.value("ha-auto-rebalance-method").map(str::to_owned),
        })
    }

    /// What tunes the moving of running guests needs that moving to be named.
    pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
        let scheduling = config.attribute("scheduling");
        for rest in ["threshold_percent", "hold_rounds", "margin_percent", "method"] {
            let name = format!("ha_auto_rebalance_{rest}");
            if scheduling.attribute(&name).is_set() && scheduling.attribute("ha_auto_rebalance").is_null() {
                out.error(
                    Path::from("scheduling").then(&name),
                    "Missing argument",
                    format!("The argument `{name}` needs `ha_auto_rebalance` to be set too."),
                );
            }
        }
    }
}

impl TagStyle {
    pub(super) fn wire(&self) -> PropertyString {
        let colors = self.colors.as_ref();
        properties([
            ("case-sensitive", flag(self.case_sensitive)),
            ("color-map", joined(colors.map(|map| map.iter().map(|(tag, color)| format!("{tag}:{color}"))))),
            ("ordering", self.ordering.clone()),
            ("shape", self.shape.clone()),
        ])
    }

    pub(super) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("tag-style", None)?;
        let colors = text.value("color-map").map(|map| {
            map.split(';')
                .filter_map(|pair| pair.split_once(':'))
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .collect()
        });
        Some(Self {
            case_sensitive: text.truth("case-sensitive"),
            colors,
            ordering: text.value("ordering").map(str::to_owned),
            shape: text.value("shape").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_ids_holds_one() {
        let said = |lower: i64, upper: i64| {
            let range = Value::object([("lower", lower.into()), ("upper", upper.into())]);
            let mut out = Diagnostics::new();
            NextId::validate(&Value::object([("next_id", range)]), &mut out);
            out.0.len()
        };
        assert_eq!([said(1000, 2000), said(1000, 1001), said(1000, 1000), said(2000, 1000)], [0, 0, 1, 1]);
        let mut out = Diagnostics::new();
        NextId::validate(&Value::object([("next_id", Value::Null)]), &mut out);
        assert!(out.0.is_empty());
    }

    #[test]
    fn colors_belong_to_tags() {
        assert!(["ff0000", "FF0000:00ff00"].iter().all(|text| is_colors(text)));
        assert!(["red", "ff0000:", "ff0000:00ff00:0000ff"].iter().all(|text| !is_colors(text)));
        let wrong = |key: &str| Tags.check(&Value::Map([(key.to_owned(), Value::from("ff0000"))].into()));
        assert_eq!(wrong("prod"), None);
        assert!(wrong("a b").is_some());
    }

    #[test]
    fn a_network_has_the_length_of_its_prefix() {
        assert!(["10.0.0.0/24", "fd00::/64"].iter().all(|text| is_cidr(text)));
        assert!(["10.0.0.0", "10.0.0.0/33", "lan/24", "10.0.0.0/"].iter().all(|text| !is_cidr(text)));
    }
}
