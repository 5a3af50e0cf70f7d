//! The one line on standard output with which go-plugin learns how to reach the server.

use std::process;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde_json::json;

/// go-plugin's own protocol; it has been 1 for ever.
const CORE_PROTOCOL: u32 = 1;
/// The provider protocol. Every core since 2020 speaks it; one that does not says so itself.
const PROVIDER_PROTOCOL: u32 = 6;

/// The line for a server at `address`, with its certificate if it serves TLS.
pub(crate) fn line(network: &str, address: &str, certificate: Option<&[u8]>, multiplex: bool) -> String {
    let certificate = certificate.map(|der| BASE64_STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    // An older client takes anything after the sixth field for a part of it.
    let multiplex = if multiplex { "|false" } else { "" };
    format!("{CORE_PROTOCOL}|{PROVIDER_PROTOCOL}|{network}|{address}|grpc|{certificate}{multiplex}\n")
}

/// What a person sets so that a CLI uses this process. Without a host, the name means the default registry of
/// either CLI.
pub(crate) fn reattach(provider: &str, network: &str, address: &str) -> String {
    let settings = json!({ format!("local/{provider}"): {
        "Protocol": "grpc",
        "ProtocolVersion": PROVIDER_PROTOCOL,
        "Pid": process::id(),
        "Test": true,
        "Addr": { "Network": network, "String": address },
    }});
    format!(
        "The provider runs. Make OpenTofu or Terraform use it, in another terminal:\n\n\
         export TF_REATTACH_PROVIDERS='{settings}'\n\n\
         It ends with Ctrl-C.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_six_fields_and_a_certificate_without_padding() {
        assert_eq!(
            line("unix", "/tmp/x/provider", Some(&[0xff, 0xfe]), false),
            "1|6|unix|/tmp/x/provider|grpc|//4\n"
        );
        assert_eq!(line("tcp", "127.0.0.1:10000", None, false), "1|6|tcp|127.0.0.1:10000|grpc|\n");
    }

    #[test]
    fn a_client_that_asks_about_multiplexing_gets_a_seventh_field() {
        assert_eq!(line("unix", "/s", None, true), "1|6|unix|/s|grpc||false\n");
    }

    #[test]
    fn the_reattach_setting_is_json_in_single_quotes() {
        let text = reattach("toy", "unix", "/s");
        let json = text.split('\'').nth(1).unwrap();
        let settings: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(settings["local/toy"]["Addr"]["String"], "/s");
        assert_eq!(settings["local/toy"]["ProtocolVersion"], 6);
        assert_eq!(settings["local/toy"]["Pid"], process::id());
    }
}
