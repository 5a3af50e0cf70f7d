//! `homelab_pve_pool`: a named set of guests and storages that permissions and backup jobs can point at.

use std::time::Duration;

use pve_client::{Error as PveError, PoolEdit, PoolName, Problem, Pve};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::{self, Explain as _};
use crate::memory::Expected;
use crate::preflight::need;
use crate::resources::pve::lifecycle::Object;

/// How often a create whose answer was lost is sent.
const ATTEMPTS: u32 = 3;

/// Groups guests and storages, so that permissions and backup jobs can name them together.
///
/// A guest joins a pool by its own argument `pool_name`. Deleting a pool never deletes its members: Proxmox VE refuses
/// while there are any.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_pool", version = 0)]
pub struct Pool {
    /// Name of the pool: letters, digits, `.`, `-` and `_`. A `/` nests pools, at most three deep, and the outer ones
    /// must exist. A change replaces the pool.
    #[schema(parse, wire = "poolid", replace)]
    pub name: PoolName,

    /// Text shown beside the pool in the web interface. Leaving it out removes it.
    #[schema(wire = "comment", validate = length(1, usize::MAX), validate = matches("free of blanks at both ends", trimmed))]
    pub comment: Option<String>,

    /// IDs of the guests that are in the pool, lowest first.
    #[schema(wire = "members")]
    pub vm_ids: Computed<BTreeSet<u32>>,

    /// Names of the storages that are in the pool.
    #[schema(parse, wire = "members")]
    pub storage_names: Computed<BTreeSet<pve_client::StorageName>>,
}

/// The file that holds pools loses blanks at the ends of a comment (pve-access-control 9.1.1, `AccessControl.pm`).
fn trimmed(text: &str) -> bool {
    text.trim_matches(' ') == text
}

impl From<pve_client::Pool> for Pool {
    fn from(found: pve_client::Pool) -> Self {
        let vm_ids: BTreeSet<u32> = found.vms.iter().map(|id| id.number()).collect();
        Self {
            name: found.name,
            comment: found.comment,
            vm_ids: vm_ids.into(),
            storage_names: found.storages.into(),
        }
    }
}

/// The pool, if it exists.
async fn find(pve: &Pve, name: &PoolName) -> pve_client::Result<Option<pve_client::Pool>> {
    match pve.pool(name).await {
        Ok(pool) => Ok(Some(pool)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends the create, also again when its answer was lost. A pool has no mark that says who made it, so one that was
/// not there before counts as ours only if it is exactly what we asked for.
async fn create(pve: &Pve, want: &Pool) -> pve_client::Result<bool> {
    let mut lost = None;
    for attempt in 1..=ATTEMPTS {
        let error = match pve.create_pool(&want.name, want.comment.as_deref()).await {
            Ok(()) => return Ok(true),
            Err(error @ PveError::MaybeApplied { .. }) => error,
            Err(error) if error.already_exists() => match lost.take() {
                Some(earlier) => earlier,
                None => return Ok(false),
            },
            Err(error) => return Err(error),
        };
        if let Some(found) = find(pve, &want.name).await? {
            let same = found.comment == want.comment && found.vms.is_empty() && found.storages.is_empty();
            return if same { Ok(true) } else { Err(error) };
        }
        pve.scope().sleep(Duration::from_secs(1)).await?;
        if attempt == ATTEMPTS {
            return Err(error);
        }
        lost = Some(error);
    }
    Ok(false)
}

impl Resource for Pool {
    type Cx = Cx;
    type Id = PoolName;

    const TIMEOUTS: [Duration; 4] = [Duration::from_secs(300); 4];

    fn id(&self) -> PoolName {
        self.name.clone()
    }

    fn identity_schema() -> IdentitySchema {
        IdentitySchema {
            version: 0,
            attributes: vec![IdentityAttribute {
                name: "name".to_owned(),
                ty: Type::String,
                required_for_import: true,
                description: "Name of the pool.".to_owned(),
            }],
        }
    }

    fn identity(id: &PoolName) -> Value {
        Value::object([("name", Value::from(id.as_str()))])
    }

    fn id_from_identity(identity: &Value) -> Result<PoolName> {
        let text = identity.attribute("name").as_str().unwrap_or_default();
        text.parse().map_err(|error| Error::new("Invalid import identity", format!("{error}.")).at("name"))
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        if let (None, Some(want)) = (&plan.prior, plan.want()) {
            let outer = want.name.as_str().rsplit_once('/').and_then(|(outer, _)| outer.parse().ok());
            let pool = Expected::Pool(want.name.clone());
            cx.expect(pool.clone());
            Object::new("pool", &want.name, "name").foresee(cx, plan, cx.is_there(&pool)).await;
            cx.check_there(plan, outer.map(|outer| ("name".into(), Expected::Pool(outer)))).await;
        }
        let Some(pool) = plan.want().or_else(|| plan.prior.clone()) else { return Ok(()) };
        let path = format!("/pool/{}", pool.name);
        cx.preflight(plan, &[need(&path, &["Pool.Allocate"]), need(&path, &["Pool.Audit"])]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<PoolName> {
        let pve = cx.pve()?;
        let what = format!("create pool {:?}", want.name.as_str());
        let object = format!("pool {:?}", want.name.as_str());
        if find(&pve, &want.name).await.explain::<Self>(cx, &what)?.is_some() {
            return Err(errors::not_ours::<Self>(object, &want.name).at("name"));
        }
        if !create(&pve, want).await.explain::<Self>(cx, &what)? {
            return Err(errors::not_ours::<Self>(object, &want.name).at("name"));
        }
        cx.operation().created(&want.name);
        Ok(want.name.clone())
    }

    async fn read(cx: &Cx, id: &PoolName, _prior: Option<&Self>) -> Result<Option<Self>> {
        let found = find(&cx.pve()?, id).await;
        let found = found.explain::<Self>(cx, format_args!("read pool {:?}", id.as_str()))?;
        if found.is_some() {
            cx.note_managed(&format!("pool {:?}", id.as_str()));
        }
        Ok(found.map(Self::from))
    }

    async fn update(cx: &Cx, id: &PoolName, change: Change<'_, Self>) -> Result<()> {
        // `delete` would remove members here, so an empty comment is what removes a comment.
        let comment = match change.edit(|pool| &pool.comment) {
            Edit::Keep => return Ok(()),
            Edit::Set(comment) => comment.clone(),
            Edit::Clear => String::new(),
        };
        let edit = PoolEdit { comment: Some(comment), ..PoolEdit::default() };
        let done = cx.pve()?.edit_pool(id, &edit).await;
        done.explain::<Self>(cx, format_args!("change pool {:?}", id.as_str()))
    }

    async fn delete(cx: &Cx, id: &PoolName, _prior: &Self) -> Result<()> {
        delete::<Self>(cx, id).await
    }
}

/// Deletes a pool that has no members; `M` is the resource that owns it.
pub(crate) async fn delete<M: SchemaModel>(cx: &Cx, id: &PoolName) -> Result<()> {
    let pve = cx.pve()?;
    let what = format!("delete pool {:?}", id.as_str());
    let error = match pve.delete_pool(id).await {
        Ok(()) => return Ok(()),
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => error,
    };
    if matches!(error, PveError::MaybeApplied { .. }) || error.problem() == Problem::InUse {
        match find(&pve, id).await.explain::<M>(cx, &what)? {
            None => return Ok(()),
            Some(pool) if error.problem() == Problem::InUse => return Err(not_empty(&pool)),
            Some(_) => {}
        }
    }
    Err(error).explain::<M>(cx, &what)
}

fn not_empty(pool: &pve_client::Pool) -> Error {
    let list = |items: Vec<String>| items.join(", ");
    let mut members = Vec::new();
    if !pool.vms.is_empty() {
        members.push(format!("guests: {}", list(pool.vms.iter().map(ToString::to_string).collect())));
    }
    if !pool.storages.is_empty() {
        members.push(format!("storages: {}", list(pool.storages.iter().map(ToString::to_string).collect())));
    }
    let members = if members.is_empty() {
        "It has other pools inside".to_owned()
    } else {
        format!("It has {}", members.join("; "))
    };
    let name = pool.name.as_str();
    Error::new(
        "Pool is not empty",
        format!(
            "Proxmox VE did not delete pool {name:?}, because it still has members, and deleting a pool must not change \
             them. {members}. Remove them from the pool, or delete them, then apply again. This lists them:\n\n  pvesh get \
             /pools --poolid {name}"
        ),
    )
}
