//! `homelab_pve_ticket` through opening, renewing and closing.

use std::time::{Duration, SystemTime};

use crate::support::{Answer, provider, proxmox};
use tf_framework::Value;

const TYPE: &str = "homelab_pve_ticket";

fn config(password: &str) -> Value {
    Value::object([
        ("username", Value::from("anna@pve")),
        ("password", Value::from(password)),
        ("ticket", Value::Null),
        ("csrf_token", Value::Null),
    ])
}

#[tokio::test]
async fn a_ticket_is_opened_once_and_its_end_is_told_before_it_comes() {
    let (endpoint, log) = proxmox(|_, _| {
        Answer::Data(
            r#"{"username":"anna@pve","ticket":"PVE:anna@pve:6A::s=","CSRFPreventionToken":"6A:c="}"#,
        )
    })
    .await;
    let server = provider(&endpoint).await;
    let before = SystemTime::now();
    let opened = server.open_ephemeral(TYPE, config("hunter2")).await;
    assert!(opened.diagnostics.is_empty(), "{:?}", opened.diagnostics);
    assert_eq!(opened.result.attribute("ticket").as_str(), Some("PVE:anna@pve:6A::s="));
    assert_eq!(opened.result.attribute("csrf_token").as_str(), Some("6A:c="));
    let wait = opened.renew_at.unwrap().duration_since(before).unwrap();
    assert!((Duration::from_secs(6000)..Duration::from_secs(7200)).contains(&wait), "{wait:?}");
    assert!(!String::from_utf8_lossy(&opened.private).contains("hunter2"));

    let renewed = server.renew_ephemeral(TYPE, opened.private).await;
    assert_eq!(renewed.renew_at, None);
    assert_eq!(renewed.diagnostics.len(), 1, "{:?}", renewed.diagnostics);
    let told = &renewed.diagnostics[0];
    assert!(!told.is_error() && told.detail.contains("anna@pve"), "{told}");
    for _ in 0..2 {
        assert!(server.close_ephemeral(TYPE, renewed.private.clone()).await.is_empty());
    }
    assert_eq!(*log.lock().unwrap(), ["POST /access/ticket username=anna%40pve&password=hunter2"]);
}

#[tokio::test]
async fn a_wrong_password_and_a_second_factor_are_told_without_the_password() {
    for second_factor in [false, true] {
        let (endpoint, _) = proxmox(move |_, _| {
            if second_factor {
                Answer::Data(
                    r#"{"username":"anna@pve","NeedTFA":1,"ticket":"PVE:!tfa!","CSRFPreventionToken":"c"}"#,
                )
            } else {
                Answer::Failed(401, "authentication failure")
            }
        })
        .await;
        let opened = provider(&endpoint).await.open_ephemeral(TYPE, config("hunter2")).await;
        assert_eq!(opened.diagnostics.len(), 1);
        let told = &opened.diagnostics[0];
        assert_eq!(
            (told.summary.as_str(), told.path.clone()),
            ("Login was refused", Some("password".into()))
        );
        assert!(!told.to_string().contains("hunter2"), "{told}");
        assert_eq!(told.detail.contains("second factor"), second_factor, "{told}");
    }
}
