//! `homelab_pve_ticket`: a login to Proxmox VE for the length of one run.

use std::time::{Duration, SystemTime};

use pve_client::{Error as PveError, Secret};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::{self, Explain as _};

/// How long a ticket is valid (pve-access-control 9.1.1, `AccessControl.pm`).
const VALID: Duration = Duration::from_secs(2 * 3600);

/// How long before its end the user is told.
const NOTICE: Duration = Duration::from_secs(10 * 60);

/// Logs in to Proxmox VE and gives the ticket, for tools that speak to the API themselves.
///
/// A ticket is valid for two hours and nothing can make it longer: Proxmox VE renews a login by giving another ticket,
/// and a value cannot change during a run. A run that still has it open ten minutes before its end is warned. Nothing
/// can end it earlier either, because Proxmox VE keeps no list of tickets; closing it only forgets it.
#[derive(Clone, Schema)]
#[schema(name = "pve_ticket")]
pub struct Ticket {
    /// User to log in. One with a second factor cannot be used.
    #[schema(validate = matches("a user with the realm, such as root@pam", with_realm))]
    pub username: String,

    /// Password of the user. An ephemeral value keeps it out of plan and state.
    #[schema(sensitive)]
    pub password: String,

    /// Value of the cookie `PVEAuthCookie`.
    #[schema(sensitive)]
    pub ticket: Computed<String>,

    /// Value of the header `CSRFPreventionToken`, which every request but GET needs.
    #[schema(sensitive, wire = "CSRFPreventionToken")]
    pub csrf_token: Computed<String>,
}

fn with_realm(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(user, realm)| !user.is_empty() && !realm.is_empty())
}

impl Ephemeral for Ticket {
    type Cx = Cx;

    async fn open(cx: &Cx, config: Self) -> Result<Opened<Self>> {
        let opened = SystemTime::now();
        let answer = cx.pve()?.login(&config.username, &Secret::new(config.password.as_str())).await;
        let ticket = match answer {
            Err(PveError::Unauthorized { message }) => {
                return Err(errors::login_refused(&config.username, &message).at("password"));
            }
            answer => answer.explain::<Self>(cx, format_args!("log {} in", config.username))?,
        };
        Ok(Opened {
            result: Self {
                ticket: ticket.value.expose().into(),
                csrf_token: ticket.csrf.expose().into(),
                ..config
            },
            private: serde_json::json!({ "username": ticket.username }),
            renew_at: Some(opened + VALID - NOTICE),
        })
    }

    async fn renew(cx: &Cx, private: &serde_json::Value) -> Result<Option<SystemTime>> {
        let user = private["username"].as_str().unwrap_or("the user");
        cx.operation().warn(Diagnostic::warning(
            "Ticket is about to end",
            format!(
                "The ticket of {user} was given almost two hours ago and ends in ten minutes. It cannot be made longer. What \
                 still needs it then will be refused; run it again, or use an API token, which does not end."
            ),
        ));
        Ok(None)
    }
}
