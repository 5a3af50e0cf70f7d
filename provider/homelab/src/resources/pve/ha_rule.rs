//! `homelab_pve_ha_rule`: where guests of the high-availability manager run.

use pve_client::{HaRuleName, HaServiceId, NodeName, Settings};
use tf_framework::prelude::*;

use super::lifecycle::Object;
use super::text::one_trimmed_line;
use crate::cx::Cx;
use crate::memory::Expected;
use crate::preflight::need;

/// A rule of the high-availability manager about where guests run: on which nodes, or together or apart. New in Proxmox
/// VE 9, where rules replaced groups.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_ha_rule")]
pub struct HaRule {
    /// Name of the rule: a letter, then letters, digits, `-` or `_`. A change replaces the rule.
    #[schema(parse, wire = "rule", replace)]
    pub name: HaRuleName,

    /// `node-affinity` for guests that should run on some nodes, `resource-affinity` for guests that should run together
    /// or apart. A change replaces the rule.
    #[schema(wire = "type", replace, validate = one_of(["node-affinity", "resource-affinity"]))]
    pub r#type: String,

    /// The guests, as `vm:100` or `ct:100`. They have to be under the manager, so refer to their
    /// `homelab_pve_ha_resource`.
    #[schema(parse, wire = "resources", validate = length(1, usize::MAX))]
    pub service_ids: BTreeSet<HaServiceId>,

    /// For `node-affinity`: the nodes, each with its priority. Guests run on the node with the highest that is up.
    #[schema(wire = "nodes", validate = length(1, usize::MAX), validate = each(range(0, 1000)))]
    pub node_priorities: Option<BTreeMap<String, i64>>,

    /// For `node-affinity`: whether the guests may run on no other nodes, even if all of these are down. Proxmox VE's
    /// default is `false`.
    #[schema(wire = "strict")]
    pub strict: Option<bool>,

    /// For `resource-affinity`: `positive` to run together on one node, `negative` to run apart.
    #[schema(wire = "affinity", validate = one_of(["positive", "negative"]))]
    pub affinity: Option<String>,

    /// Whether the rule holds. Default `true`.
    #[schema(wire = "disable", default = true)]
    pub enabled: Defaulted<bool>,

    /// Text shown beside the rule in the web interface. One line.
    #[schema(wire = "comment", validate = length(1, 4096), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub comment: Option<String>,
}

fn object(name: &HaRuleName) -> Object<'_> {
    Object::new("HA rule", name, "name")
}

/// `pve1:2,pve2`: no priority is 0.
pub(crate) fn read_priorities(text: &str) -> BTreeMap<String, i64> {
    let node = |word: &str| {
        let (name, priority) = word.split_once(':').unwrap_or((word, "0"));
        (name.to_owned(), priority.parse().unwrap_or(0))
    };
    text.split([',', ';', ' ']).filter(|word| !word.is_empty()).map(node).collect()
}

impl HaRule {
    fn settings(&self) -> Settings {
        let nodes = self.node_priorities.iter().flatten();
        let node = |(name, priority): (&String, &i64)| match priority {
            0 => name.clone(),
            priority => format!("{name}:{priority}"),
        };
        Settings::new()
            .words("resources", &self.service_ids)
            .words("nodes", nodes.map(node))
            .bool("strict", self.strict)
            .opt("affinity", self.affinity.as_ref())
            .bool("disable", (self.enabled.known() == Some(&false)).then_some(true))
            .opt("comment", self.comment.as_ref())
    }

    fn read(found: pve_client::HaRule) -> Self {
        let settings = &found.settings;
        let services = settings.word_set("resources").unwrap_or_default();
        Self {
            name: found.name,
            r#type: found.kind,
            service_ids: services.iter().filter_map(|word| word.parse().ok()).collect(),
            node_priorities: settings.text("nodes").map(read_priorities),
            strict: settings.truth("strict"),
            affinity: settings.string("affinity"),
            enabled: (settings.truth("disable") != Some(true)).into(),
            comment: settings.string("comment"),
        }
    }
}

impl Resource for HaRule {
    type Cx = Cx;
    type Id = HaRuleName;

    fn id(&self) -> HaRuleName {
        self.name.clone()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        let Some(kind) = config.attribute("type").as_str() else { return };
        let (needed, foreign): (&str, &[&str]) = match kind {
            "node-affinity" => ("node_priorities", &["affinity"]),
            _ => ("affinity", &["node_priorities", "strict"]),
        };
        if config.attribute(needed).is_null() {
            out.error(
                "type",
                "Missing argument",
                format!("A rule of the type {kind:?} needs the argument `{needed}`."),
            );
        }
        for name in foreign.iter().filter(|name| config.attribute(name).is_set()) {
            out.error(
                *name,
                "Conflicting arguments",
                format!("A rule of the type {kind:?} has no argument `{name}`. Remove it, or change `type`."),
            );
        }
        let services = config.attribute("service_ids").as_elements().map(<[Value]>::len);
        if kind == "resource-affinity" && services == Some(1) {
            out.error(
                "service_ids",
                "Too few guests",
                "A rule about running together or apart needs at least two guests.",
            );
        }
        for name in
            config.attribute("node_priorities").as_entries().into_iter().flatten().map(|(name, _)| name)
        {
            if let Err(error) = name.parse::<NodeName>() {
                out.error(Path::from("node_priorities").key(name), "Invalid node name", format!("{error}."));
            }
        }
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        let priorities = plan.want().and_then(|want| want.node_priorities).unwrap_or_default();
        let names = priorities
            .into_keys()
            .filter_map(|name| Some((Path::from("node_priorities").key(&*name), name.parse().ok()?)));
        cx.require_nodes(plan, names).await?;
        let services = plan.want().map(|want| want.service_ids).unwrap_or_default();
        let named = services.into_iter().map(|id| ("service_ids".into(), Expected::HaResource(id)));
        cx.check_there(plan, named).await;
        cx.preflight(plan, &[need("/", &["Sys.Console"]), need("/", &["Sys.Audit"])]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<HaRuleName> {
        let (pve, settings) = (cx.pve()?, want.settings());
        let ours = |found: &pve_client::HaRule| HaRule::read(found.clone()) == *want;
        object(&want.name)
            .create::<Self, _, _, _, _, _>(
                cx,
                || pve.ha_rule(&want.name),
                ours,
                || pve.create_ha_rule(&want.name, &want.r#type, &settings),
            )
            .await?;
        Ok(want.name.clone())
    }

    async fn read(cx: &Cx, id: &HaRuleName, _prior: Option<&Self>) -> Result<Option<Self>> {
        let pve = cx.pve()?;
        Ok(object(id).read::<Self, _>(cx, pve.ha_rule(id)).await?.map(HaRule::read))
    }

    async fn update(cx: &Cx, id: &HaRuleName, change: Change<'_, Self>) -> Result<()> {
        let pve = cx.pve()?;
        let changes = change.prior.settings().changes_to(&change.want.settings());
        let kind = &change.want.r#type;
        object(id).change::<Self, _, _>(cx, || pve.change_ha_rule(id, kind, &changes)).await
    }

    async fn delete(cx: &Cx, id: &HaRuleName, _prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        object(id).delete::<Self, _, _>(cx, || pve.delete_ha_rule(id)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_and_guests_read_back_what_is_sent() {
        let settings =
            Settings::new().set("resources", "vm:100,vm:103").set("nodes", "pve1:2,pve2").set("strict", 1);
        let found = pve_client::HaRule {
            name: "r1".parse().unwrap(),
            kind: "node-affinity".to_owned(),
            settings: settings.clone(),
        };
        assert_eq!(HaRule::read(found).settings(), settings);
        assert_eq!(
            read_priorities("pve2,pve1:2"),
            BTreeMap::from([("pve1".to_owned(), 2), ("pve2".to_owned(), 0)])
        );
    }

    #[test]
    fn a_rule_has_the_arguments_of_its_type_only() {
        let mut out = Diagnostics::new();
        let config = Value::object([
            ("type", Value::from("resource-affinity")),
            ("service_ids", Value::Set(vec![Value::from("vm:100")])),
            ("strict", Value::Bool(true)),
        ]);
        HaRule::validate(&config, &mut out);
        let summaries: Vec<&str> = out.0.iter().map(|diagnostic| diagnostic.summary.as_str()).collect();
        assert_eq!(summaries, ["Missing argument", "Conflicting arguments", "Too few guests"]);
    }
}
