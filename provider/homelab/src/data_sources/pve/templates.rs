//! `homelab_pve_templates`: the templates that match a filter, newest first.

use jiff::Timestamp;
use pve_client::{NodeName, PoolName};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::name_pattern::matches_pattern;
use crate::templates::{self, Template};

/// Lists templates of the whole cluster, newest first. A template has to match every filter that is given.
///
/// New templates change the result of the next plan. A machine that was cloned stays as it is, because `clone` matters
/// only when a machine is made.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_templates")]
pub struct Templates {
    /// Only templates whose whole name matches: `*` stands for any characters, `?` for exactly one.
    pub name_pattern: Option<String>,

    /// Only templates that have all of these tags. Their case does not matter.
    pub tags: Option<BTreeSet<String>>,

    /// Only templates on this node.
    #[schema(parse, wire = "node")]
    pub node_name: Option<NodeName>,

    /// Only templates in this pool itself, not in pools inside it.
    #[schema(parse, wire = "pool")]
    pub pool_name: Option<PoolName>,

    /// The templates that match, newest first: by `created_at`, then by the higher number. Those whose node hides when
    /// they were made come last.
    pub templates: Computed<Vec<Found>>,

    /// The first of `templates`; null if there is none.
    pub newest: Computed<Found>,
}

/// One template.
#[derive(Clone, Debug, Object)]
pub struct Found {
    /// Number of the template.
    #[schema(wire = "vmid")]
    pub vm_id: i64,

    /// Name of the template; null while its node hides it.
    pub name: Option<String>,

    /// Node that the template is on.
    #[schema(wire = "node")]
    pub node_name: String,

    /// When the machine that became the template was made, as RFC 3339; null while its node hides it.
    #[schema(wire = "meta")]
    pub created_at: Option<String>,

    /// Pool that the template is in; null if none.
    #[schema(wire = "pool")]
    pub pool_name: Option<String>,

    /// Tags of the template.
    pub tags: BTreeSet<String>,
}

impl From<Template> for Found {
    fn from(found: Template) -> Self {
        Self {
            vm_id: found.guest.id.number().into(),
            name: found.guest.name,
            node_name: found.guest.node.to_string(),
            created_at: found.created_at.as_ref().map(Timestamp::to_string),
            pool_name: found.guest.pool.map(|pool| pool.to_string()),
            tags: found.guest.tags,
        }
    }
}

impl Templates {
    fn accepts(&self, guest: &pve_client::Guest) -> bool {
        let name = guest.name.as_deref().unwrap_or_default();
        self.name_pattern.as_ref().is_none_or(|pattern| matches_pattern(pattern, name))
            && self
                .tags
                .as_ref()
                .is_none_or(|tags| tags.iter().all(|tag| guest.tags.contains(&tag.to_lowercase())))
            && self.node_name.as_ref().is_none_or(|node| *node == guest.node)
            && self.pool_name.as_ref().is_none_or(|pool| Some(pool) == guest.pool.as_ref())
    }
}

impl DataSource for Templates {
    type Cx = Cx;

    async fn read(cx: &Cx, config: Self) -> Result<Self> {
        let found = templates::newest_first(&cx.pve()?, |guest| config.accepts(guest)).await;
        let found: Vec<Found> =
            found.explain::<Self>(cx, "list the templates")?.into_iter().map(Found::from).collect();
        Ok(Self { newest: found.first().cloned().into(), templates: found.into(), ..config })
    }
}
