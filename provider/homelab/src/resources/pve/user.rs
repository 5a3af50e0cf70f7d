//! `homelab_pve_user`: a user.

use jiff::Timestamp;
use pve_client::{Error as PveError, GroupName, Pve, Secret, UserId};
use tf_framework::prelude::*;

use super::lifecycle::Object;
use super::own_access::{self, Going, Own};
use super::text::{is_email, moment, trimmed, whole_seconds};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::memory::Expected;
use crate::preflight::need;
use crate::presence;

/// A user, for people or for automation.
///
/// What a user may do is granted by entries of the access control list (`homelab_pve_acl`), never by this resource, so
/// a change here never takes a permission away. The user that the provider itself is logged in as is never deleted or
/// disabled.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_user")]
pub struct User {
    /// The user with the realm, such as `anna@pve`. A change replaces the user.
    #[schema(parse, wire = "userid", replace)]
    pub user_id: UserId,

    /// Whether the user can log in. Default `true`.
    #[schema(wire = "enable", default = true)]
    pub enabled: Defaulted<bool>,

    /// When the account ends, as RFC 3339. Without it, never.
    #[schema(parse, wire = "expire", validate = matches("a time such as 2030-01-01T00:00:00Z, in whole seconds after 1970", whole_seconds))]
    pub expires_at: Option<Timestamp>,

    /// Groups the user is in. Default none.
    #[schema(parse, wire = "groups", default = BTreeSet::<GroupName>::new())]
    pub groups: Defaulted<BTreeSet<GroupName>>,

    /// Text shown beside the user in the web interface.
    #[schema(wire = "comment", validate = length(1, 2048), validate = matches("free of blanks at both ends", trimmed))]
    pub comment: Option<String>,

    /// E-mail address, for notifications.
    #[schema(wire = "email", validate = length(3, 254), validate = matches("an e-mail address", is_email))]
    pub email: Option<String>,

    /// First name.
    #[schema(wire = "firstname", validate = length(1, 1024), validate = matches("free of blanks at both ends", trimmed))]
    pub first_name: Option<String>,

    /// Last name.
    #[schema(wire = "lastname", validate = length(1, 1024), validate = matches("free of blanks at both ends", trimmed))]
    pub last_name: Option<String>,

    /// Password, for users of the realm `pve`: 8 to 64 characters. It is sent and never stored. To change it later,
    /// change `password_wo_version` too; that needs a provider that is logged in with a password, because Proxmox VE
    /// does not let tokens set passwords.
    #[schema(wire = "password", write_only, sensitive, validate = length(8, 64))]
    pub password_wo: Option<String>,

    /// Any number; a change sends `password_wo` again.
    pub password_wo_version: Option<i64>,
}

fn object(id: &UserId) -> Object<'_> {
    Object::new("user", id, "user_id")
}

impl User {
    fn wire(&self) -> pve_client::User {
        pve_client::User {
            id: self.user_id.clone(),
            enabled: self.enabled.known().copied().unwrap_or(true),
            expires_at: self.expires_at.map_or(0, Timestamp::as_second),
            groups: self.groups.known().cloned().unwrap_or_default(),
            comment: self.comment.clone(),
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
        }
    }

    fn password(&self) -> Option<Secret> {
        self.password_wo.as_deref().map(Secret::new)
    }

    /// The state that an answer describes. What is write-only is no part of it, and its version is ours alone.
    fn from_wire(found: pve_client::User, prior: Option<&Self>) -> Self {
        Self {
            user_id: found.id,
            enabled: found.enabled.into(),
            expires_at: moment(found.expires_at),
            groups: found.groups.into(),
            comment: found.comment,
            email: found.email,
            first_name: found.first_name,
            last_name: found.last_name,
            password_wo: None,
            password_wo_version: prior.and_then(|prior| prior.password_wo_version),
        }
    }
}

/// Says when planning what cannot work: the end of the own login, and a password set by a token.
fn check(cx: &Cx, plan: &mut Plan<'_, User>) {
    let (Ok(pve), Some(prior)) = (cx.pve(), plan.prior.clone()) else { return };
    let own = Own::new(&pve);
    let want = plan.want();
    if own.is_user(&prior.user_id) {
        let name = object(&prior.user_id).name;
        let replaced = want.as_ref().is_some_and(|want| want.user_id != prior.user_id);
        if plan.is_destroy() || replaced {
            plan.push(own.is_self(&name, "delete"));
        } else if want.as_ref().is_some_and(|want| want.enabled.known() == Some(&false)) {
            plan.push(own.is_self(&name, "disable").at("enabled"));
        }
    }
    let version = |user: &User| user.password_wo_version;
    let sets_password = want.as_ref().is_some_and(|want| {
        version(want) != version(&prior)
            && want.user_id == prior.user_id
            && plan.config.attribute("password_wo").is_set()
    });
    if sets_password && pve.client().identity().contains('!') {
        plan.error(
            "password_wo_version",
            "Password cannot be set",
            format!(
                "The provider is logged in with the token {}, and Proxmox VE does not let a token set the password of a \
                 user that exists. Log in with `username` and `password` for this change. Or leave out `password_wo` and \
                 `password_wo_version`, which changes nothing, and set the password on a node:\n\n  pveum passwd {}",
                pve.client().identity(),
                prior.user_id
            ),
        );
    }
}

/// Refuses that the own user leaves the groups that all its access is granted to.
async fn check_groups(cx: &Cx, plan: &mut Plan<'_, User>) {
    let (Some(want), Some(prior), Ok(pve)) = (plan.want(), plan.prior.clone(), cx.pve()) else { return };
    let known = |user: &User| user.groups.known().cloned().unwrap_or_default();
    let left: BTreeSet<GroupName> = known(&prior).difference(&known(&want)).cloned().collect();
    if Own::new(&pve).is_user(&prior.user_id) && !left.is_empty() {
        own_access::guard(cx, plan, Going::Groups(&left), false).await;
    }
}

/// Warns of a realm that is not there: nobody of it could log in.
async fn check_realm(cx: &Cx, plan: &mut Plan<'_, User>) {
    let (Some(want), Ok(pve), Some(memory)) = (plan.want(), cx.pve(), cx.memory()) else { return };
    if plan.prior.as_ref().is_some_and(|prior| prior.user_id == want.user_id) {
        return;
    }
    let (Some((_, realm)), Ok(realms)) = (want.user_id.as_str().rsplit_once('@'), memory.realms(&pve).await)
    else {
        return;
    };
    if !realms.contains(realm) {
        plan.warn(
            "user_id",
            "Realm does not exist",
            format!(
                "There is no realm {realm:?}, so this user could not log in. There are: {}.",
                presence::list(realms.iter())
            ),
        );
    }
}

async fn set_password(pve: &Pve, id: &UserId, password: &Secret) -> pve_client::Result<()> {
    match pve.set_password(id, password).await {
        Err(PveError::MaybeApplied { .. }) => pve.set_password(id, password).await,
        result => result,
    }
}

impl Resource for User {
    type Cx = Cx;
    type Id = UserId;

    fn id(&self) -> UserId {
        self.user_id.clone()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        rules::also_requires(config, "password_wo_version", &["password_wo"], out);
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        check(cx, plan);
        check_realm(cx, plan).await;
        check_groups(cx, plan).await;
        if let Some(want) = plan.want() {
            if plan.is_create() {
                let user = Expected::User(want.user_id.clone());
                cx.expect(user.clone());
                object(&want.user_id).foresee(cx, plan, cx.is_there(&user)).await;
            }
            let groups = want.groups.known().cloned().unwrap_or_default();
            cx.check_there(plan, groups.into_iter().map(|group| ("groups".into(), Expected::Group(group))))
                .await;
        }
        let user = plan.want().or_else(|| plan.prior.clone());
        let groups = user.as_ref().and_then(|user| user.groups.known().cloned()).unwrap_or_default();
        // Whoever may change a group may change its members (pve-access-control 9.1.1, `RPCEnvironment.pm`).
        let modify = need("/access/groups", &["User.Modify"])
            .or_on(groups.iter().map(|group| format!("/access/groups/{group}")));
        let realm = user.as_ref().and_then(|user| user.user_id.as_str().rsplit_once('@'));
        let mut needs = vec![modify];
        if let Some((_, realm)) = realm.filter(|_| plan.is_create()) {
            needs.push(need(format!("/access/realm/{realm}"), &["Realm.AllocateUser"]));
        }
        cx.preflight(plan, &needs).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<UserId> {
        let (pve, user, password) = (cx.pve()?, want.wire(), want.password());
        let (find, make) = (|| pve.user(&user.id), || pve.create_user(&user, password.as_ref()));
        let ours = |found: &pve_client::User| *found == user;
        object(&user.id).create::<Self, _, _, _, _, _>(cx, find, ours, make).await?;
        Ok(user.id)
    }

    async fn read(cx: &Cx, id: &UserId, prior: Option<&Self>) -> Result<Option<Self>> {
        let pve = cx.pve()?;
        let found = object(id).read::<Self, _>(cx, pve.user(id)).await?;
        Ok(found.map(|found| Self::from_wire(found, prior)))
    }

    async fn update(cx: &Cx, id: &UserId, change: Change<'_, Self>) -> Result<()> {
        let pve = cx.pve()?;
        let (before, after) = (change.prior.wire(), change.want.wire());
        object(id).change::<Self, _, _>(cx, || pve.update_user(&before, &after)).await?;
        cx.forget_permissions().await;
        match change.want.password() {
            Some(password) if change.changes(|user| &user.password_wo_version) => {
                let done = set_password(&pve, id, &password).await;
                done.explain::<Self>(cx, format_args!("set the password of user {:?}", id.as_str()))
            }
            _ => Ok(()),
        }
    }

    async fn delete(cx: &Cx, id: &UserId, _prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        let own = Own::new(&pve);
        if own.is_user(id) {
            return Err(own.is_self(&object(id).name, "delete").into());
        }
        object(id).delete::<Self, _, _>(cx, || pve.delete_user(id)).await
    }
}
