//! `homelab_pve_ha_rules`: the rules of the high-availability manager.

use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::ha_rule::read_priorities;

/// The rules of the high-availability manager. New in Proxmox VE 9.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_ha_rules")]
pub struct HaRules {
    /// The rules, by name.
    pub rules: Computed<BTreeMap<String, HaRule>>,
}

/// One rule.
#[derive(Clone, Debug, Object)]
pub struct HaRule {
    /// `node-affinity` or `resource-affinity`.
    pub r#type: String,

    /// The guests, as `vm:100` or `ct:100`.
    #[schema(wire = "resources")]
    pub service_ids: BTreeSet<String>,

    /// The nodes with their priorities; null for `resource-affinity`.
    #[schema(wire = "nodes")]
    pub node_priorities: Option<BTreeMap<String, i64>>,

    /// `positive` or `negative`; null for `node-affinity`.
    pub affinity: Option<String>,

    /// Whether the rule holds.
    #[schema(wire = "disable")]
    pub enabled: bool,

    /// Text shown beside the rule; null if there is none.
    pub comment: Option<String>,
}

impl DataSource for HaRules {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx.pve()?.ha_rules().await.explain::<Self>(cx, "list the HA rules")?;
        let rule = |found: pve_client::HaRule| {
            let settings = &found.settings;
            let shown = HaRule {
                service_ids: settings.word_set("resources").unwrap_or_default(),
                node_priorities: settings.text("nodes").map(read_priorities),
                affinity: settings.string("affinity"),
                enabled: settings.truth("disable") != Some(true),
                comment: settings.string("comment"),
                r#type: found.kind,
            };
            (found.name.to_string(), shown)
        };
        Ok(Self { rules: found.into_iter().map(rule).collect::<BTreeMap<_, _>>().into() })
    }
}
