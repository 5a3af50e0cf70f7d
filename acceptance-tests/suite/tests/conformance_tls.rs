//! Who gets in: protocol list 11 to 17.

use std::time::Duration;

use core_emulator::proto::tfplugin6::get_metadata;
use core_emulator::proto::tfplugin6::provider_client::ProviderClient;
use core_emulator::{Identity, LaunchError, Plugin};
use suite::plugin::{core, launch, started};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Whether someone with this certificate, or none, gets an answer.
async fn enters(plugin: &Plugin, identity: Option<&Identity>) -> bool {
    let Ok(channel) = plugin.handshake.channel(identity).await else { return false };
    ProviderClient::new(channel).get_metadata(get_metadata::Request {}).await.is_ok()
}

/// 11, 12 and 13.
#[tokio::test]
async fn only_the_owner_of_the_certificate_enters() {
    let plugin = started().await;
    assert!(enters(&plugin, plugin.identity()).await);
    assert!(!enters(&plugin, None).await, "no certificate");
    assert!(!enters(&plugin, Some(&Identity::new())).await, "another certificate of the same name");
    assert!(enters(&plugin, plugin.identity()).await, "the owner, after the others were refused");
}

/// 14.
#[tokio::test]
async fn plain_text_is_not_answered_and_holds_up_nobody() {
    let plugin = started().await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(plugin.handshake.connect_raw().await.unwrap());
    }
    for opening in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..],
        &[0xff; 300],
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = plugin.handshake.connect_raw().await.unwrap();
        stream.write_all(opening).await.unwrap();
        let mut said = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut said)).await;
        read.expect("a client that speaks no TLS is hung up on").ok();
        // At most a TLS alert.
        assert!(said.is_empty() || said[0] == 0x15, "{said:x?}");
    }
    core(&plugin).await;
    drop(idle);
}

/// 15.
#[tokio::test]
async fn a_broken_client_certificate_is_no_reason_for_plain_text() {
    for text in ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        match launch().variable("PLUGIN_CLIENT_CERT", text).start().await {
            Err(LaunchError::Ended { status, stdout, stderr }) => {
                assert_eq!((status.code(), stdout.as_str()), (Some(1), ""));
                assert!(stderr.contains("PLUGIN_CLIENT_CERT"), "{stderr}");
            }
            Err(other) => panic!("{other}"),
            Ok(plugin) => panic!("it serves: {}", plugin.handshake.line),
        }
    }
}

/// 16.
#[tokio::test]
async fn without_a_client_certificate_it_serves_plain_text_on_its_private_socket() {
    let plugin = launch().plain().start().await.unwrap();
    assert_eq!(plugin.handshake.network, "unix");
    assert_eq!(plugin.handshake.certificate, None);
    core(&plugin).await;
}

/// 17.
#[tokio::test]
async fn a_client_that_names_another_protocol_or_none_does_no_harm() {
    let plugin = started().await;
    for protocols in [&[][..], &[&b"http/1.1"[..]]] {
        if let Ok(mut stream) = plugin.handshake.connect_tls(plugin.identity(), protocols).await {
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            let mut said = Vec::new();
            let _ =
                tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut said)).await.unwrap();
        }
        assert!(enters(&plugin, plugin.identity()).await);
    }
}
