//! `homelab_pve_cluster_options`: options of the whole cluster.

mod login;
mod objects;

use std::fmt;
use std::str::FromStr;

use pve_client::Settings;
use tf_framework::prelude::*;

use self::login::{Notices, U2f, WebAuthn};
use self::objects::{
    HaPolicy, NextId, Scheduling, TagStyle, Traffic, UserTagAccess, joined, properties, set_of,
};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::preflight::need;
use crate::resources::pve::location::Location;
use crate::resources::pve::storage::BandwidthLimits;
use crate::resources::pve::text::{is_email, one_trimmed_line, without_final_line_break};
use crate::resources::pve::vm::tag;

/// Options of the whole cluster. Have this resource once at most.
///
/// Only options that are set here are managed; all others are left as they are, also by an import's next apply. Deleting
/// the resource, or taking an option out, gives the option its default back.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_cluster_options")]
pub struct ClusterOptions {
    /// Notes of the cluster, as Markdown.
    #[schema(wire = "description", validate = length(1, 65536), validate = matches("not empty, without a line break at its end (around a heredoc: `chomp(…)`)", without_final_line_break))]
    pub description: Option<String>,

    /// Keyboard layout of consoles, such as `de` or `en-us`.
    #[schema(wire = "keyboard", validate = one_of(KEYBOARDS))]
    pub keyboard: Option<String>,

    /// Language of the web interface, such as `de`.
    #[schema(wire = "language", validate = one_of(LANGUAGES))]
    pub language: Option<String>,

    /// Console that the web interface opens: `applet`, `vv`, `html5` or `xtermjs`.
    #[schema(wire = "console", validate = one_of(["applet", "vv", "html5", "xtermjs"]))]
    pub console: Option<String>,

    /// Address that nodes send mail from. Proxmox VE's default is `root@` and the name of the node.
    #[schema(wire = "email_from", validate = length(3, 254), validate = matches("an e-mail address", is_email))]
    pub email_from: Option<String>,

    /// Proxy that nodes download through, as `http://…`. A name and a password in it stand in the state, and every login with
    /// the privilege Sys.Audit can read them in Proxmox VE.
    #[schema(wire = "http_proxy", sensitive, validate = matches("an address that begins with http://", is_http))]
    pub http_proxy: Option<String>,

    /// First three bytes of new MAC addresses. Proxmox VE's default is `BC:24:11`.
    #[schema(wire = "mac_prefix", validate = matches("one to five pairs of hexadecimal digits with colons between, of which the first is even", is_mac_prefix))]
    pub mac_prefix: Option<String>,

    /// How many workers a node starts for jobs on many guests. Proxmox VE's default is the number of CPUs.
    #[schema(wire = "max_workers", validate = range(1, i64::MAX))]
    pub max_workers: Option<i64>,

    /// Text to agree to before the login.
    #[schema(wire = "consent-text", validate = length(1, 65536), validate = matches("not empty, without a line break at its end (around a heredoc: `chomp(…)`)", without_final_line_break))]
    pub consent_text: Option<String>,

    /// Limits of the bandwidth of operations.
    #[schema(wire = "bwlimit", validate = not_empty())]
    pub bandwidth_limits: Option<BandwidthLimits>,

    /// How guests are migrated.
    #[schema(wire = "migration")]
    pub migration: Option<Traffic>,

    /// How replication sends. New in Proxmox VE 9.
    #[schema(wire = "replication")]
    pub replication: Option<Traffic>,

    /// What happens to guests of the high-availability manager when a node shuts down.
    #[schema(wire = "ha")]
    pub ha: Option<HaPolicy>,

    /// How a node that is lost is kept from going on: `watchdog`, `hardware` or `both`. Proxmox VE's default is `watchdog`,
    /// and it has no other yet.
    #[schema(wire = "fencing", validate = one_of(["watchdog", "hardware", "both"]))]
    pub fencing: Option<String>,

    /// How the high-availability manager chooses nodes.
    #[schema(wire = "crs", validate = not_empty())]
    pub scheduling: Option<Scheduling>,

    /// Range of the IDs that are proposed for new guests.
    #[schema(wire = "next-id", validate = not_empty())]
    pub next_id: Option<NextId>,

    /// How tags look.
    #[schema(wire = "tag-style", validate = not_empty())]
    pub tag_style: Option<TagStyle>,

    /// Tags that only users with `Sys.Modify` on `/` may set and remove.
    #[schema(wire = "registered-tags", validate = length(1, usize::MAX), validate = each(matches("made of letters, digits, `_`, `-`, `+` and `.`", tag)))]
    pub registered_tags: Option<BTreeSet<String>>,

    /// Which tags other users may set.
    #[schema(wire = "user-tag-access", validate = not_empty())]
    pub user_tag_access: Option<UserTagAccess>,

    /// Who is told of what.
    #[schema(wire = "notify", validate = not_empty())]
    pub notices: Option<Notices>,

    /// How keys of WebAuthn are asked for at the login.
    #[schema(wire = "webauthn", validate = not_empty())]
    pub webauthn: Option<WebAuthn>,

    /// How keys of U2F are asked for at the login.
    #[schema(wire = "u2f", validate = not_empty())]
    pub u2f: Option<U2f>,

    /// Where the cluster is. New in Proxmox VE 9.
    #[schema(wire = "location")]
    pub location: Option<Location>,
}

const KEYBOARDS: [&str; 25] = [
    "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is", "it",
    "ja", "lt", "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
];

const LANGUAGES: [&str; 27] = [
    "ar", "ca", "da", "de", "en", "es", "eu", "fa", "fr", "hr", "he", "it", "ja", "ka", "kr", "nb", "nl",
    "nn", "pl", "pt_BR", "ru", "sl", "sv", "tr", "ukr", "zh_CN", "zh_TW",
];

fn is_http(text: &str) -> bool {
    text.starts_with("http://") && one_trimmed_line(text)
}

fn is_mac_prefix(text: &str) -> bool {
    let pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    // The lowest bit of the first byte marks addresses of groups.
    let is_even = text.as_bytes().get(1).is_some_and(|digit| b"02468aceACE".contains(digit));
    text.split(':').count() <= 5 && text.split(':').all(pair) && is_even
}

/// The only object there is: `cluster`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cluster;

/// A text does not name the cluster.
#[derive(Debug, thiserror::Error)]
#[error("the only one is called cluster")]
pub struct NotTheCluster;

impl FromStr for Cluster {
    type Err = NotTheCluster;

    fn from_str(text: &str) -> Result<Self, NotTheCluster> {
        if text == "cluster" { Ok(Self) } else { Err(NotTheCluster) }
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cluster")
    }
}

impl ClusterOptions {
    fn settings(&self) -> Settings {
        let settings = Settings::new()
            .opt("description", self.description.as_ref())
            .opt("keyboard", self.keyboard.as_ref())
            .opt("language", self.language.as_ref())
            .opt("console", self.console.as_ref())
            .opt("email_from", self.email_from.as_ref())
            .opt("http_proxy", self.http_proxy.as_ref())
            .opt("mac_prefix", self.mac_prefix.as_ref())
            .opt("max_workers", self.max_workers)
            .opt("consent-text", self.consent_text.as_ref())
            .properties("migration", &self.migration.as_ref().map(Traffic::wire).unwrap_or_default())
            .properties("replication", &self.replication.as_ref().map(Traffic::wire).unwrap_or_default())
            .opt("fencing", self.fencing.as_ref())
            .properties("notify", &self.notices.as_ref().map(Notices::wire).unwrap_or_default())
            .properties("webauthn", &self.webauthn.as_ref().map(WebAuthn::wire).unwrap_or_default())
            .properties("u2f", &self.u2f.as_ref().map(U2f::wire).unwrap_or_default())
            .properties("location", &self.location.as_ref().map(Location::wire).unwrap_or_default())
            .opt("ha", self.ha.as_ref().map(|ha| format!("shutdown_policy={}", ha.shutdown_policy)))
            .properties("tag-style", &self.tag_style.as_ref().map(TagStyle::wire).unwrap_or_default())
            .opt("registered-tags", joined(self.registered_tags.as_ref()));
        let next_id = self.next_id.as_ref().map(|of| {
            properties([
                ("lower", of.lower.map(|n| n.to_string())),
                ("upper", of.upper.map(|n| n.to_string())),
            ])
        });
        let access = self.user_tag_access.as_ref().map(|of| {
            properties([
                ("user-allow", of.user_allow.clone()),
                ("user-allow-list", joined(of.user_allow_list.as_ref())),
            ])
        });
        let settings = settings
            .properties("crs", &self.scheduling.as_ref().map(Scheduling::wire).unwrap_or_default())
            .properties("next-id", &next_id.unwrap_or_default())
            .properties("user-tag-access", &access.unwrap_or_default());
        BandwidthLimits::write(self.bandwidth_limits.as_ref(), settings)
    }

    fn read(found: &Settings) -> Self {
        let next_id = found.property("next-id", None).map(|text| NextId {
            lower: text.value("lower").and_then(|number| number.parse().ok()),
            upper: text.value("upper").and_then(|number| number.parse().ok()),
        });
        let access = found.property("user-tag-access", None).map(|text| UserTagAccess {
            user_allow: text.value("user-allow").map(str::to_owned),
            user_allow_list: text.value("user-allow-list").map(set_of),
        });
        let policy =
            found.property("ha", None).and_then(|text| text.value("shutdown_policy").map(str::to_owned));
        let tags = found.items("registered-tags").join(";");
        Self {
            description: found.string("description"),
            keyboard: found.string("keyboard"),
            language: found.string("language"),
            console: found.string("console"),
            email_from: found.string("email_from"),
            http_proxy: found.string("http_proxy"),
            mac_prefix: found.string("mac_prefix"),
            max_workers: found.int("max_workers"),
            consent_text: found.string("consent-text"),
            bandwidth_limits: BandwidthLimits::read(found),
            migration: Traffic::read(found, "migration"),
            replication: Traffic::read(found, "replication"),
            ha: policy.map(|shutdown_policy| HaPolicy { shutdown_policy }),
            fencing: found.string("fencing"),
            scheduling: Scheduling::read(found),
            next_id,
            tag_style: TagStyle::read(found),
            registered_tags: (!tags.is_empty()).then(|| set_of(&tags)),
            user_tag_access: access,
            notices: Notices::read(found),
            webauthn: WebAuthn::read(found),
            u2f: U2f::read(found),
            location: Location::read(found),
        }
    }
}

/// Without the prefix of MAC addresses that is told also when none is set.
fn shown(all: ClusterOptions) -> ClusterOptions {
    ClusterOptions { mac_prefix: all.mac_prefix.clone().filter(|prefix| prefix != "BC:24:11"), ..all }
}

/// What is set already and will be replaced, so that nobody's choice is lost without a word.
async fn warn_of_replaced(cx: &Cx, plan: &mut Plan<'_, ClusterOptions>) {
    let (true, Some(want), Ok(pve)) = (plan.is_create(), plan.want(), cx.pve()) else { return };
    let Ok(found) = pve.cluster_options().await else { return };
    let attributes = ClusterOptions::attributes();
    let (want, found) = (want.settings(), shown(ClusterOptions::read(&found)).settings());
    for (name, value) in want.params().iter() {
        let Some(before) = found.text(name).filter(|before| *before != value) else { continue };
        let path = crate::errors::path_of_wire(&attributes, name).unwrap_or_default();
        plan.warn(
            path,
            "Option is set already",
            format!("The cluster has `{name}` set to {before:?} now; this configuration replaces it."),
        );
    }
}

impl Resource for ClusterOptions {
    type Cx = Cx;
    type Id = Cluster;

    fn id(&self) -> Cluster {
        Cluster
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        Scheduling::validate(config, out);
        NextId::validate(config, out);
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        warn_of_replaced(cx, plan).await;
        cx.preflight(plan, &[need("/", &["Sys.Modify"]), need("/", &["Sys.Audit"])]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<Cluster> {
        let changes = Settings::new().changes_to(&want.settings());
        let done = cx.pve()?.change_cluster_options(&changes).await;
        done.explain::<Self>(cx, "set the options of the cluster")?;
        Ok(Cluster)
    }

    async fn read(cx: &Cx, _id: &Cluster, prior: Option<&Self>) -> Result<Option<Self>> {
        let found =
            cx.pve()?.cluster_options().await.explain::<Self>(cx, "read the options of the cluster")?;
        let all = Self::read(&found);
        Ok(Some(match prior {
            // Whoever imports takes over everything.
            None => shown(all),
            Some(prior) => managed(&all, prior),
        }))
    }

    async fn update(cx: &Cx, _id: &Cluster, change: Change<'_, Self>) -> Result<()> {
        let changes = change.prior.settings().changes_to(&change.want.settings());
        let done = cx.pve()?.change_cluster_options(&changes).await;
        done.explain::<Self>(cx, "change the options of the cluster")
    }

    async fn delete(cx: &Cx, _id: &Cluster, prior: &Self) -> Result<()> {
        let changes = prior.settings().changes_to(&Settings::new());
        let done = cx.pve()?.change_cluster_options(&changes).await;
        done.explain::<Self>(cx, "reset the options of the cluster")
    }
}

/// Those options only that a state manages. Others are somebody else's.
fn managed(all: &ClusterOptions, prior: &ClusterOptions) -> ClusterOptions {
    let (Value::Object(mut found), prior) = (all.encode(), prior.encode()) else { return all.clone() };
    for (name, value) in &mut found {
        if prior.attribute(name).is_null() {
            *value = Value::Null;
        }
    }
    ClusterOptions::decode(&Value::Object(found)).unwrap_or_else(|_| all.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Settings {
        Settings::new()
            .set("description", "managed")
            .set("keyboard", "de")
            .set("migration", "network=10.0.0.0/24,type=insecure")
            .set("ha", "shutdown_policy=migrate")
            .set(
                "crs",
                "ha=dynamic,ha-auto-rebalance=1,ha-auto-rebalance-hold-duration=5,ha-auto-rebalance-margin=15,\
                 ha-auto-rebalance-method=topsis,ha-auto-rebalance-threshold=40,ha-rebalance-on-start=1",
            )
            .set("next-id", "lower=200,upper=300")
            .set("tag-style", "color-map=prod:ff0000;test:00ff00:000000,shape=full")
            .set("registered-tags", "a;b")
            .set("user-tag-access", "user-allow=list,user-allow-list=a;b")
            .set("bwlimit", "clone=100,default=0")
            .set("fencing", "watchdog")
            .set("notify", "fencing=always,package-updates=never,target-replication=mail")
            .set("webauthn", "allow-subdomains=0,id=example,origin=https://pve.example:8006,rp=home")
            .set("u2f", "appid=https://pve.example:8006")
            .set("location", "latitude=52.5,longitude=13.4,name=attic")
    }

    #[test]
    fn options_read_back_what_they_send() {
        assert_eq!(ClusterOptions::read(&everything()).settings(), everything());
        let short = Settings::new().set("migration", "insecure");
        assert_eq!(ClusterOptions::read(&short).settings().text("migration"), Some("type=insecure"));
    }

    #[test]
    fn what_is_not_managed_is_not_seen() {
        let all = ClusterOptions::read(&everything());
        let prior = ClusterOptions::read(&Settings::new().set("keyboard", "en-us"));
        let seen = managed(&all, &prior);
        assert_eq!(seen.settings(), Settings::new().set("keyboard", "de"));
    }
}
