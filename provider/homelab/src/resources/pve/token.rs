//! `homelab_pve_token`: an API token, and its rotation without a gap.

use jiff::Timestamp;
use pve_client::{Error as PveError, Pve, Secret, Token as Wire, TokenId, TokenName, UserId};
use tf_framework::prelude::*;

use super::lifecycle::{Object, if_there};
use super::own_access::Own;
use super::text::{moment, trimmed, whole_seconds};
use super::token_in_the_way;
use super::token_reference::TokenReference;
use super::token_rotation::{prepare, spare, taken};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::memory::Expected;
use crate::preflight::need;

/// An API token of a user.
///
/// Proxmox VE tells the secret once, when the token is made; it is kept in the state, marked sensitive. A change of any
/// argument but the names keeps the secret.
///
/// **Rotation.** With `rotation_id` set there are two tokens, `name` and `name-2`, of which one is in use. A change of
/// `rotation_id` gives the other one a new secret and takes it into use, while the one before stays valid until the next
/// rotation: whoever has it can be given the new one at any time in between. On Proxmox VE 9.2 the spare token gets its
/// new secret in place; before, it is made again and gets back its entries of the access control list. After an import
/// of both, `name` counts as the one in use, and the first `rotation_id` is only noted, unless the import tells it, as
/// `user@realm!name rotation_id=…`: then the next plan is empty. Grant roles to both, so that they are in force before a
/// rotation:
///
/// ```terraform
/// resource "homelab_pve_acl" "ci" {
///   for_each = homelab_pve_token.ci.token_ids
///   path     = "/vms"
///   role     = "PVEVMAdmin"
///   token_id = each.value
/// }
/// ```
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_token")]
pub struct Token {
    /// The user with the realm. A change replaces the token.
    #[schema(parse, wire = "userid", replace)]
    pub user_id: UserId,

    /// Name of the token among those of the user: a letter, then letters, digits, `.`, `-` or `_`. A change replaces the
    /// token.
    #[schema(parse, wire = "tokenid", replace)]
    pub name: TokenName,

    /// Text shown beside the token in the web interface.
    #[schema(wire = "comment", validate = length(1, usize::MAX), validate = matches("free of blanks at both ends", trimmed))]
    pub comment: Option<String>,

    /// When the token ends, as RFC 3339. Without it, when its user ends.
    #[schema(parse, wire = "expire", validate = matches("a time such as 2030-01-01T00:00:00Z, in whole seconds after 1970", whole_seconds))]
    pub expires_at: Option<Timestamp>,

    /// Whether the token may do only what both it and its user are granted. Default `true`; `false` gives it everything
    /// that its user may do.
    #[schema(wire = "privsep", default = true)]
    pub privilege_separation: Defaulted<bool>,

    /// Any text; a change gives a new secret while the one before stays valid. Without it there is no spare token.
    #[schema(validate = length(1, usize::MAX))]
    pub rotation_id: Option<String>,

    /// The token in use, as `user@realm!name`.
    #[schema(parse, wire = "full-tokenid")]
    pub token_id: Computed<TokenId>,

    /// The token in use and the spare one, if there is one: grant roles to all of them.
    #[schema(parse)]
    pub token_ids: Computed<BTreeSet<TokenId>>,

    /// Secret of the token in use. Null after an import, because Proxmox VE does not tell it again.
    #[schema(sensitive, keep, wire = "value")]
    pub secret: Computed<String>,

    /// Token and secret as one text, as the argument `api_token` of this provider takes it. Null after an import.
    #[schema(sensitive, keep)]
    pub api_token: Computed<String>,
}

fn object(id: &TokenId) -> Object<'_> {
    Object::new("token", id, "name")
}

impl Token {
    fn first(&self) -> TokenId {
        TokenId { user: self.user_id.clone(), name: self.name.clone() }
    }

    /// All tokens that there are to be. A spare one stays when `rotation_id` goes, for it may be in use.
    fn ids(&self, prior: Option<&Self>) -> BTreeSet<TokenId> {
        let mut ids = prior.and_then(|prior| prior.token_ids.known().cloned()).unwrap_or_default();
        ids.insert(self.first());
        if self.rotation_id.is_some() {
            ids.extend(spare(&self.first()));
        }
        ids
    }

    /// Whether a token is one of these. A rotation that was begun may have made the spare one.
    fn has(&self, id: &TokenId) -> bool {
        self.rotation_id.is_some() || self.token_ids.known().is_some_and(|ids| ids.contains(id))
    }

    /// The spare token that has to be made, because there is none yet.
    fn new_spare(&self, prior: Option<&Self>) -> Option<TokenId> {
        spare(&self.first())
            .filter(|spare| self.rotation_id.is_some() && !prior.is_some_and(|prior| prior.has(spare)))
    }

    fn in_use(&self) -> TokenId {
        self.token_id.known().cloned().unwrap_or_else(|| self.first())
    }

    fn wire(&self, id: &TokenId) -> Wire {
        Wire {
            id: id.clone(),
            comment: self.comment.clone(),
            expires_at: self.expires_at.map_or(0, Timestamp::as_second),
            privilege_separation: self.privilege_separation.known().copied().unwrap_or(true),
        }
    }

    /// Whether a spare token is wanted that is not there.
    fn lacks(&self, spare: &TokenId, prior: &Self) -> bool {
        self.rotation_id.is_some() && !prior.token_ids.known().is_some_and(|ids| ids.contains(spare))
    }

    /// Both tokens were there before the state knew of them, with secrets that it does not know.
    fn was_imported_as_a_pair(&self) -> bool {
        let both = self.token_ids.known().is_some_and(|ids| ids.len() > 1);
        both && self.rotation_id.is_none() && self.secret.known().is_none()
    }

    fn rotates(change: &Change<'_, Self>) -> bool {
        let changes = change.want.rotation_id.is_some() && change.changes(|token| &token.rotation_id);
        changes && !change.prior.was_imported_as_a_pair()
    }
}

/// Makes a token. One whose answer was lost is of no use, because its secret is lost too: it is deleted and made again.
async fn make(pve: &Pve, token: &Wire) -> pve_client::Result<Secret> {
    match pve.create_token(token).await {
        Err(PveError::MaybeApplied { .. }) => {
            if_there(pve.delete_token(&token.id).await)?;
            pve.create_token(token).await
        }
        result => result,
    }
}

/// What a token shows of one that is stored.
fn state(id: &TokenId, in_use: Wire, all: &[Wire], cx: &Cx, prior: Option<&Token>) -> Token {
    let made = cx.memory().and_then(|memory| memory.secret(&in_use.id));
    let known =
        prior.filter(|prior| prior.in_use() == in_use.id).and_then(|prior| prior.secret.known().cloned());
    let secret = made.map(|secret| secret.expose().to_owned()).or(known);
    // A token that only happens to have the name of the spare one is somebody else's. An import takes both.
    let spare = spare(id).filter(|spare| prior.is_none_or(|prior| prior.has(spare)));
    let ids =
        all.iter().map(|token| &token.id).filter(|other| *other == id || Some(*other) == spare.as_ref());
    Token {
        user_id: id.user.clone(),
        name: id.name.clone(),
        comment: in_use.comment,
        expires_at: moment(in_use.expires_at),
        privilege_separation: in_use.privilege_separation.into(),
        rotation_id: prior.and_then(|prior| prior.rotation_id.clone()),
        token_ids: ids.cloned().collect::<BTreeSet<_>>().into(),
        api_token: secret.as_ref().map(|secret| format!("{}={secret}", in_use.id)).into(),
        secret: secret.into(),
        token_id: in_use.id.into(),
    }
}

impl Resource for Token {
    type Cx = Cx;
    type Id = TokenReference;

    fn id(&self) -> TokenReference {
        self.first().into()
    }

    fn identity(id: &TokenReference) -> Value {
        Value::object([("id", id.id.to_string().into())])
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        let prior = plan.prior.clone();
        if let (Ok(pve), Some(prior)) = (cx.pve(), &prior) {
            let own = Own::new(&pve);
            let gone = plan.is_destroy() || plan.want().is_some_and(|want| want.first() != prior.first());
            if let Some(id) = prior.ids(Some(prior)).iter().find(|id| gone && own.is_token(id)) {
                plan.push(own.is_self(&object(id).name, "delete"));
            }
        }
        let same = |want: &Self| prior.as_ref().filter(|prior| prior.first() == want.first()).cloned();
        if let Some(want) = plan.want() {
            let prior = same(&want);
            let ids = want.ids(prior.as_ref());
            plan.set("token_ids", Value::Set(ids.iter().map(|id| Value::from(id.to_string())).collect()));
            ids.into_iter().for_each(|id| cx.expect(Expected::Token(id)));
            token_in_the_way::foresee(cx, plan, &object(&want.first()).name, &want.first()).await;
            cx.check_there(plan, [("user_id".into(), Expected::User(want.user_id.clone()))]).await;
            let rotates = prior.as_ref().is_some_and(|prior| Self::rotates(&Change { prior, want: &want }));
            let in_use = match &prior {
                Some(prior) if rotates => next(&prior.in_use(), &want),
                Some(prior) => prior.in_use(),
                None => want.first(),
            };
            plan.set("token_id", in_use.to_string());
            if rotates {
                plan.mark_unknown("secret");
                plan.mark_unknown("api_token");
            }
            if let Ok(pve) = cx.pve() {
                let new = want.new_spare(prior.as_ref());
                let refused = match prior.filter(|_| rotates) {
                    Some(prior) => Own::new(&pve).refuses_rotation(&prior.in_use(), &in_use),
                    None => None,
                };
                refused.into_iter().chain(taken(&pve, new.as_ref()).await).for_each(|error| plan.push(error));
            }
        }
        let user = plan.want().or(prior).map(|token| token.user_id);
        match (user, cx.pve()) {
            // A user may make tokens of its own.
            (Some(user), Ok(pve)) if Own::new(&pve).is_user(&user) => Ok(()),
            (Some(_), Ok(_)) => cx.preflight(plan, &[need("/access/groups", &["User.Modify"])]).await,
            _ => Ok(()),
        }
    }

    async fn create(cx: &Cx, want: &Self) -> Result<TokenReference> {
        let (pve, id) = (cx.pve()?, want.first());
        let what = format!("create token {:?}", id.to_string());
        if if_there(pve.token(&id).await).explain::<Self>(cx, &what)?.is_some() {
            return Err(token_in_the_way::refuse(&object(&id).name, &id));
        }
        if let Some(taken) = taken(&pve, want.new_spare(None).as_ref()).await {
            return Err(taken.into());
        }
        let secret = make(&pve, &want.wire(&id)).await.explain::<Self>(cx, &what)?;
        cx.operation().created(&id);
        if let Some(memory) = cx.memory() {
            memory.keep_secret(id.clone(), secret);
        }
        if let Some(spare) = spare(&id).filter(|_| want.rotation_id.is_some()) {
            prepare(&pve, &want.wire(&spare)).await.explain::<Self>(cx, &what)?;
        }
        Ok(id.into())
    }

    async fn read(cx: &Cx, told: &TokenReference, prior: Option<&Self>) -> Result<Option<Self>> {
        let (pve, id) = (cx.pve()?, &told.id);
        // What an update asked for is not so when the rotation in it failed.
        let before = cx.memory().and_then(|memory| memory.before_rotation(id));
        let prior = before.as_ref().or(prior);
        let Some(all) = object(id).read::<Self, _>(cx, pve.tokens(&id.user)).await? else { return Ok(None) };
        let wanted = prior.map_or_else(|| id.clone(), Self::in_use);
        let in_use = all.iter().find(|token| token.id == wanted).cloned();
        let found = in_use.map(|in_use| state(id, in_use, &all, cx, prior));
        Ok(found.map(|found| Self {
            rotation_id: found.rotation_id.or_else(|| told.rotation_id.clone()),
            ..found
        }))
    }

    async fn update(cx: &Cx, id: &TokenReference, change: Change<'_, Self>) -> Result<()> {
        let (pve, id, want, in_use) = (cx.pve()?, &id.id, change.want, change.prior.in_use());
        let what = format!("change token {:?}", id.to_string());
        let rotation = cx.memory().filter(|_| Self::rotates(&change));
        if let Some(memory) = rotation {
            memory.begin_rotation(id.clone(), change.prior.clone());
        }
        if change.prior.wire(id) != want.wire(id) {
            for known in change.prior.token_ids.known().into_iter().flatten() {
                let wire = want.wire(known);
                object(known).change::<Self, _, _>(cx, || pve.update_token(&wire)).await?;
            }
        }
        if let Some(taken) = taken(&pve, want.new_spare(Some(change.prior)).as_ref()).await {
            return Err(taken.into());
        }
        if Self::rotates(&change) {
            let next = next(&in_use, want);
            if let Some(refused) = Own::new(&pve).refuses_rotation(&in_use, &next) {
                return Err(refused.into());
            }
            let secret = prepare(&pve, &want.wire(&next)).await.explain::<Self>(cx, &what)?;
            if let Some(memory) = cx.memory() {
                memory.keep_secret(next, secret);
                memory.end_rotation(id);
            }
        } else if let Some(spare) = spare(id).filter(|spare| want.lacks(spare, change.prior)) {
            // Nobody needs its secret before the next rotation, which gives it a new one.
            prepare(&pve, &want.wire(&spare)).await.explain::<Self>(cx, &what)?;
        }
        cx.forget_permissions().await;
        Ok(())
    }

    async fn delete(cx: &Cx, id: &TokenReference, prior: &Self) -> Result<()> {
        let (pve, id) = (cx.pve()?, &id.id);
        let own = Own::new(&pve);
        for id in prior.ids(Some(prior)) {
            if own.is_token(&id) {
                return Err(own.is_self(&object(&id).name, "delete").into());
            }
        }
        let mut ids = prior.ids(Some(prior));
        ids.insert(id.clone());
        for id in ids {
            object(&id).delete::<Self, _, _>(cx, || pve.delete_token(&id)).await?;
        }
        cx.forget_permissions().await;
        Ok(())
    }
}

/// The token that a rotation takes into use: of the two, the one that is not.
fn next(in_use: &TokenId, want: &Token) -> TokenId {
    let first = want.first();
    match spare(&first) {
        Some(spare) if *in_use == first => spare,
        _ => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(rotation: Option<&str>) -> Token {
        Token {
            user_id: "tf@pve".parse().unwrap(),
            name: "ci".parse().unwrap(),
            comment: None,
            expires_at: None,
            privilege_separation: true.into(),
            rotation_id: rotation.map(str::to_owned),
            token_id: Computed::Unknown,
            token_ids: Computed::Unknown,
            secret: Computed::Unknown,
            api_token: Computed::Unknown,
        }
    }

    #[test]
    fn rotations_go_back_and_forth_between_two_tokens() {
        let want = token(Some("1"));
        let first: TokenId = "tf@pve!ci".parse().unwrap();
        let second: TokenId = "tf@pve!ci-2".parse().unwrap();
        assert_eq!(next(&first, &want), second);
        assert_eq!(next(&second, &want), first);
        assert_eq!(want.ids(None), BTreeSet::from([first.clone(), second.clone()]));
        assert_eq!(token(None).ids(None), BTreeSet::from([first]));
    }

    #[test]
    fn an_imported_pair_is_not_rotated_at_once() {
        let rotates =
            |before: &Token, now: &str| Token::rotates(&Change { prior: before, want: &token(Some(now)) });
        let mut before = token(None);
        before.token_ids = token(Some("1")).ids(None).into();
        before.secret = Computed::from(None);
        assert!(!rotates(&before, "3"));
        before.secret = "known".to_owned().into();
        assert!(rotates(&before, "3"), "rotation that was ended goes on");
        let mut noted = token(Some("3"));
        noted.token_ids = before.token_ids.clone();
        noted.secret = Computed::from(None);
        assert!(rotates(&noted, "4"));
    }

    #[test]
    fn a_spare_token_in_use_stays_when_rotation_ends() {
        let mut before = token(Some("1"));
        before.token_ids = before.ids(None).into();
        assert_eq!(token(None).ids(Some(&before)).len(), 2);
    }
}
