//! The provider block against a server that is down, that is not trusted, or that does not accept the login.

use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const VERSION: &str = "data \"homelab_pve_version\" \"this\" {}\n";

/// `provider "homelab" {…}` with these arguments of `pve`.
fn provider(arguments: &[(&str, &str)]) -> String {
    let lines: Vec<String> = arguments.iter().map(|(name, value)| format!("    {name} = {value}")).collect();
    format!("provider \"homelab\" {{\n  pve = {{\n{}\n  }}\n}}\n", lines.join("\n"))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

#[test]
fn a_wrong_token_or_password_is_told_and_never_shown() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let (endpoint, ca) = (quoted(&lab.endpoint()), quoted(&lab.ca_file().display().to_string()));
        let start = [("endpoint", endpoint.as_str()), ("ca_file", &ca)];
        let token = [start[0], start[1], ("api_token", "\"root@pam!lab=hunter2\"")];
        workspace.configure(&provider(&token), VERSION);
        let said = workspace.plan().failed().prose();
        assert!(
            said.contains("Login was refused") && said.contains("pveum user token list root@pam"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");

        let login = [start[0], start[1], ("username", "\"root@pam\""), ("password", "\"hunter2\"")];
        workspace.configure(&provider(&login), VERSION);
        let said = workspace.plan().failed().prose();
        assert!(said.contains("Login was refused") && said.contains("The realm matters"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    });
}

#[test]
fn a_plan_that_only_creates_says_that_nobody_can_be_asked() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let pools =
            "resource \"homelab_pve_pool\" \"this\" {\n  count = 2\n  name  = \"pool-${count.index}\"\n}\n";
        workspace.configure(&lab.provider_block().replace(&lab.api_token(), "root@pam!lab=hunter2"), pools);
        let said = workspace.plan().failed().prose();
        assert_eq!(said.matches("Login was refused").count(), 1, "{said}");

        // It may be there when the plan is applied.
        workspace.configure(&lab.provider_block().replace(&lab.endpoint(), "https://127.0.0.1:1"), pools);
        let planned = workspace.plan();
        assert_eq!(planned.code, Some(2), "{}", planned.text);
        let said = planned.prose();
        assert_eq!(said.matches("Proxmox VE cannot be reached").count(), 1, "{said}");
        assert!(said.contains("This plan was made without asking it"), "{said}");
    });
}

#[test]
fn a_login_with_a_password_works() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let arguments = [
            ("endpoint", quoted(&lab.endpoint())),
            ("ca_pem", format!("file({:?})", lab.ca_file().display().to_string())),
            ("username", quoted("root@pam")),
            ("password", quoted(&lab.password())),
        ];
        let arguments: Vec<(&str, &str)> =
            arguments.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let pool = "resource \"homelab_pve_pool\" \"this\" {\n  name = \"by-ticket\"\n}\n";
        workspace.configure(&provider(&arguments), pool);
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn a_missing_privilege_is_named_and_the_documented_role_is_enough() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request("POST", "/api2/json/access/users", Some("{\"userid\":\"terraform@pve\"}"));
        let made = lab.request(
            "POST",
            "/api2/json/access/users/terraform@pve/token/homelab",
            Some("{\"privsep\":0}"),
        );
        let secret = made["data"]["value"].as_str().expect("the lab made a token");
        let block =
            lab.provider_block().replace(&lab.api_token(), &format!("terraform@pve!homelab={secret}"));
        let workspace = Workspace::new(cli);
        let configuration = "resource \"homelab_pve_pool\" \"this\" {\n  name = \"web\"\n}\n\
             resource \"homelab_pve_vm\" \"this\" {\n  node_name = \"pve1\"\n  name = \"web-1\"\n  \
             pool_name = homelab_pve_pool.this.name\n  started = false\n  \
             disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 1 } }\n  \
             networks = { net0 = { bridge = \"vmbr0\" } }\n}\n";
        workspace.configure(&block, configuration);
        let said = workspace.apply().failed().prose();
        assert!(
            said.contains("pveum acl modify /pool/web --users 'terraform@pve' --roles Homelab"),
            "{said}"
        );
        assert!(lab.pools().is_empty());
        lab.request(
            "PUT",
            "/api2/json/access/acl",
            Some("{\"path\":\"/\",\"users\":\"terraform@pve\",\"roles\":\"PVEAdmin\"}"),
        );
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn an_untrusted_certificate_is_refused_with_the_fingerprint_that_then_works() {
    with_each_cli(|cli| {
        let (lab, other) = (Lab::start(), Lab::start());
        let workspace = Workspace::new(cli);
        let (endpoint, token) = (quoted(&lab.endpoint()), quoted(&lab.api_token()));
        let start = [("endpoint", endpoint.as_str()), ("api_token", &token)];
        let wrong = quoted(&other.ca_file().display().to_string());
        workspace.configure(&provider(&[start[0], start[1], ("ca_file", &wrong)]), VERSION);
        let said = workspace.plan().failed().prose();
        assert!(said.contains("no authority that is trusted has signed it"), "{said}");
        let shown = said
            .split_whitespace()
            .find(|word| word.len() == 95 && word.matches(':').count() == 31)
            .unwrap_or_else(|| panic!("the message has no fingerprint: {said}"));
        workspace.configure(&provider(&[start[0], start[1], ("fingerprint", &quoted(shown))]), VERSION);
        workspace.apply().ok();
        let pin = shown.replace(|letter: char| letter.is_ascii_hexdigit(), "0");
        workspace.configure(&provider(&[start[0], start[1], ("fingerprint", &quoted(&pin))]), VERSION);
        let said = workspace.plan().failed().prose();
        assert!(said.contains("not the one that `fingerprint` names") && said.contains(shown), "{said}");
        // Nothing but the handshake reached a server that was not trusted.
        assert_eq!(lab.calls(), 1, "{:?}", lab.wire());
    });
}

#[test]
fn no_check_at_all_works_with_a_warning() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let (endpoint, token) = (quoted(&lab.endpoint()), quoted(&lab.api_token()));
        let arguments = [("endpoint", endpoint.as_str()), ("api_token", &token), ("insecure", "true")];
        workspace.configure(&provider(&arguments), VERSION);
        let said = workspace.apply().ok().prose();
        assert!(said.contains("Certificate is not checked"), "{said}");
    });
}

#[test]
fn a_lab_that_is_down_is_told_in_words() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(
            &lab.provider_block(),
            "resource \"homelab_pve_pool\" \"this\" {\n  name = \"a\"\n}\n",
        );
        workspace.apply().ok();
        let kept = std::fs::read(lab.ca_file()).expect("the lab runs");
        let block = lab.provider_block().replace(&lab.ca_file().display().to_string(), "ca.pem");
        std::fs::write(workspace.folder().join("ca.pem"), kept).expect("the folder is ours");
        drop(lab);
        workspace.configure(&block, "resource \"homelab_pve_pool\" \"this\" {\n  name = \"a\"\n}\n");
        let said = workspace.plan().failed().prose();
        assert!(said.contains("Proxmox VE cannot be reached") && said.contains("Is the host on"), "{said}");
        // Not being able to look is not the same as being gone.
        assert_eq!(workspace.resource("homelab_pve_pool.this")["name"], "a");
    });
}

#[test]
fn the_environment_configures_it_all_and_the_systems_authorities_are_trusted() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure("provider \"homelab\" {}\n", VERSION);
        let (endpoint, token, ca) = (lab.endpoint(), lab.api_token(), lab.ca_file().display().to_string());
        let arguments = ["apply", "-auto-approve", "-no-color", "-input=false"];
        let start = [("HOMELAB_PVE_ENDPOINT", endpoint.as_str()), ("HOMELAB_PVE_API_TOKEN", &token)];
        workspace.run_with(&[start[0], start[1], ("HOMELAB_PVE_CA_FILE", &ca)], &arguments).ok();
        // The file of the system's own authorities can be named; the lab's stands in for it.
        workspace.run_with(&[start[0], start[1], ("SSL_CERT_FILE", &ca)], &arguments).ok();
        let said = workspace.run_with(&start, &arguments).failed().prose();
        assert!(
            said.contains("Certificate is not trusted") || said.contains("no trusted certificate"),
            "{said}"
        );
        let said = workspace.apply().failed().prose();
        assert!(
            said.contains("Proxmox VE is not configured") && said.contains("HOMELAB_PVE_ENDPOINT"),
            "{said}"
        );
    });
}

#[test]
fn a_block_that_is_known_only_after_apply_is_named_when_it_is_needed() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let block = lab.provider_block().replace(&quoted(&lab.endpoint()), "terraform_data.host.output");
        let host = format!("resource \"terraform_data\" \"host\" {{\n  input = {:?}\n}}\n", lab.endpoint());
        let pool = "resource \"homelab_pve_pool\" \"this\" {\n  name = \"late\"\n}\n";
        // A pool needs nothing while it is planned, so both can be made in one run.
        workspace.configure(&block, &format!("{host}{pool}"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        workspace.configure(&block, &format!("{host}{VERSION}"));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("`pve.endpoint` of the provider block is known only after apply"), "{said}");
    });
}

#[test]
fn mistakes_in_the_block_are_named_on_their_argument() {
    with_each_cli(|cli| {
        let workspace = Workspace::new(cli);
        let endpoint = ("endpoint", "\"https://pve1.example:8006\"");
        let token = ("api_token", "\"a@pam!b=c\"");
        for (arguments, words) in [
            (vec![endpoint], "There is no login"),
            (vec![token], "no address"),
            (vec![endpoint, ("api_token", "\"a@pam\"")], "user@realm!name=secret"),
            (vec![endpoint, token, ("username", "\"a@pam\"")], "Only one way to log in"),
            (
                vec![endpoint, token, ("ca_file", "\"a.pem\""), ("insecure", "true")],
                "both say which certificates",
            ),
            (vec![endpoint, token, ("ca_file", "\"~/a.pem\"")], "pathexpand"),
            (vec![endpoint, token, ("fingerprint", "\"AA:BB\"")], "32 hexadecimal bytes"),
            (vec![("endpoint", "\"pve1\""), token], "https://host:port"),
            (vec![endpoint, token, ("max_parallel_requests", "0")], "between 1 and 64"),
        ] {
            workspace.configure(&provider(&arguments), VERSION);
            let said = workspace.plan().failed().prose();
            assert!(said.contains(words), "{arguments:?}:\n{said}");
        }
    });
}
