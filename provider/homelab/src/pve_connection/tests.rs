//! Every way to say where Proxmox VE is, who logs in and whom to trust, and every way to get it wrong.

use super::*;

const TOKEN: &str = "tf@pve!ci=secret-of-the-token";
const PIN: &str =
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

/// A block with an endpoint and a token.
fn block() -> PveBlock {
    PveBlock {
        endpoint: Some("https://pve1.example:8006/".to_owned()),
        api_token: Some(TOKEN.to_owned()),
        insecure: Some(true),
        ..PveBlock::default()
    }
}

fn connect_with(block: PveBlock, variables: &[(&str, &str)]) -> Result<Connection> {
    connect(block, &|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

#[track_caller]
fn client(block: PveBlock, variables: &[(&str, &str)]) -> Client {
    match connect_with(block, variables) {
        Ok(Connection::Ready(client)) => client,
        other => panic!("{other:?}"),
    }
}

/// Where the one error points, and its text; secrets must not be in it.
#[track_caller]
fn refused(block: PveBlock, variables: &[(&str, &str)]) -> (String, String) {
    let Err(Error(mut said)) = connect_with(block, variables) else {
        panic!("this should have been refused")
    };
    assert_eq!(said.len(), 1, "{said:?}");
    let said = said.remove(0);
    assert!(!said.to_string().contains("secret"), "{said}");
    (said.path.unwrap_or_default().to_string(), said.detail)
}

#[test]
fn a_block_is_enough_and_the_slash_at_the_end_does_not_matter() {
    let client = client(block(), &[]);
    assert_eq!((client.endpoint(), client.identity().as_str()), ("https://pve1.example:8006", "tf@pve!ci"));
    assert_eq!(*client.trust(), Trust::Insecure);
}

#[test]
fn the_environment_is_enough() {
    let client = client(
        PveBlock::default(),
        &[
            ("HOMELAB_PVE_ENDPOINT", "https://pve2.example:8006"),
            ("HOMELAB_PVE_USERNAME", "root@pam"),
            ("HOMELAB_PVE_PASSWORD", "secret"),
            ("HOMELAB_PVE_FINGERPRINT", PIN),
            ("HOMELAB_PVE_MAX_PARALLEL_REQUESTS", "3"),
        ],
    );
    assert_eq!((client.endpoint(), client.identity().as_str()), ("https://pve2.example:8006", "root@pam"));
    assert_eq!(client.trust().clone(), Trust::Fingerprint(PIN.parse().unwrap()));
}

#[test]
fn the_block_comes_before_the_environment_and_ways_of_login_and_trust_never_mix() {
    let variables = [
        ("HOMELAB_PVE_ENDPOINT", "https://other.example:8006"),
        ("HOMELAB_PVE_USERNAME", "root@pam"),
        ("HOMELAB_PVE_PASSWORD", "secret"),
        ("HOMELAB_PVE_FINGERPRINT", PIN),
    ];
    let by_token = client(block(), &variables);
    assert_eq!((by_token.identity().as_str(), by_token.trust()), ("tf@pve!ci", &Trust::Insecure));
    assert_eq!(by_token.endpoint(), "https://pve1.example:8006");

    let user = PveBlock { api_token: None, username: Some("me@pve".to_owned()), ..block() };
    let mut variables = variables.to_vec();
    variables.push(("HOMELAB_PVE_API_TOKEN", TOKEN));
    assert_eq!(client(user, &variables).identity(), "me@pve");
}

#[test]
fn nothing_at_all_is_no_error_until_something_needs_it() {
    assert!(matches!(connect_with(PveBlock::default(), &[]), Ok(Connection::Absent)));
}

#[test]
fn each_mistake_points_at_its_argument() {
    let none = PveBlock { api_token: None, ..block() };
    let cases = [
        (PveBlock { endpoint: None, ..block() }, "pve.endpoint", "HOMELAB_PVE_ENDPOINT"),
        (
            PveBlock { endpoint: Some("pve1.example".to_owned()), ..block() },
            "pve.endpoint",
            "https://host:port",
        ),
        (
            PveBlock { endpoint: Some("https://pve1.example:8006/api2/json".to_owned()), ..block() },
            "pve.endpoint",
            "without a path",
        ),
        (none, "pve.api_token", "pveum user token add"),
        (
            PveBlock { api_token: Some("secret".to_owned()), ..block() },
            "pve.api_token",
            "user@realm!name=secret",
        ),
    ];
    for (block, path, words) in cases {
        // The form of a token is shown with the word that stands for the secret.
        let Err(Error(said)) = connect_with(block, &[]) else { panic!("{path} should have been refused") };
        assert_eq!(said[0].path.clone().unwrap_or_default().to_string(), path);
        assert!(said[0].detail.contains(words), "{}", said[0]);
    }
    let user = |username: Option<&str>, password: Option<&str>| PveBlock {
        api_token: None,
        username: username.map(str::to_owned),
        password: password.map(str::to_owned),
        ..block()
    };
    assert_eq!(refused(user(Some("root@pam"), None), &[]).0, "pve.password");
    assert_eq!(refused(user(None, Some("secret")), &[]).0, "pve.username");
    assert_eq!(refused(user(Some("root"), Some("secret")), &[]).0, "pve.username");
}

#[test]
fn authorities_come_from_a_file_or_a_text_and_must_be_certificates() {
    let trust = |ca_file: Option<&str>, ca_pem: Option<&str>| PveBlock {
        ca_file: ca_file.map(str::to_owned),
        ca_pem: ca_pem.map(str::to_owned),
        insecure: None,
        ..block()
    };
    let (path, said) = refused(trust(Some("~/no-such-file.pem"), None), &[]);
    assert_eq!(path, "pve.ca_file");
    assert!(said.contains("pathexpand"), "{said}");
    let (path, said) = refused(trust(None, Some("not a certificate")), &[]);
    assert_eq!(path, "pve.ca_pem");
    assert!(said.contains("no PEM certificate"), "{said}");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    assert_eq!(refused(trust(Some(file), None), &[]).0, "pve.ca_file");
}

#[test]
fn variables_that_cannot_be_used_are_named() {
    let bare = || PveBlock { insecure: None, ..block() };
    for (name, value) in [
        ("HOMELAB_PVE_FINGERPRINT", "AA:BB"),
        ("HOMELAB_PVE_INSECURE", "maybe"),
        ("HOMELAB_PVE_MAX_PARALLEL_REQUESTS", "many"),
        ("HOMELAB_PVE_MAX_PARALLEL_REQUESTS", "0"),
    ] {
        let (_, said) = refused(bare(), &[(name, value)]);
        assert!(said.contains(name), "{said}");
    }
    let (_, said) = refused(bare(), &[("HOMELAB_PVE_INSECURE", "true"), ("HOMELAB_PVE_FINGERPRINT", PIN)]);
    assert!(said.contains("Keep only one"), "{said}");
    let login = PveBlock { api_token: None, ..block() };
    let both = [("HOMELAB_PVE_API_TOKEN", TOKEN), ("HOMELAB_PVE_PASSWORD", "secret")];
    assert!(refused(login, &both).1.contains("Unset one"));
}

#[test]
fn conflicts_are_found_while_validating_and_values_not_known_yet_never_conflict() {
    let conflicts = |entries: &[(&str, Value)]| {
        let mut out = Diagnostics::new();
        validate(&Value::object(entries.iter().cloned()), &mut out);
        out.into_vec()
            .iter()
            .map(|said| said.path.clone().unwrap_or_default().to_string())
            .collect::<Vec<_>>()
    };
    let text = Value::from("x");
    assert_eq!(
        conflicts(&[("api_token", text.clone()), ("username", text.clone()), ("password", text.clone())]),
        ["pve.username", "pve.password"]
    );
    assert_eq!(
        conflicts(&[
            ("ca_file", text.clone()),
            ("fingerprint", text.clone()),
            ("insecure", Value::Bool(true))
        ]),
        ["pve.fingerprint", "pve.insecure"]
    );
    assert!(conflicts(&[("ca_file", text.clone()), ("insecure", Value::Bool(false))]).is_empty());
    assert!(conflicts(&[("ca_file", text), ("ca_pem", Value::Unknown)]).is_empty());
}

#[test]
fn what_is_not_safe_is_told() {
    let told = |block| {
        let mut out = Diagnostics::new();
        notices(&client(block, &[]), &mut out);
        out.into_vec().into_iter().map(|said| said.summary).collect::<Vec<_>>()
    };
    assert_eq!(told(block()), ["Certificate is not checked"]);
    let plain = PveBlock { endpoint: Some("http://127.0.0.1:8006".to_owned()), ..block() };
    assert_eq!(told(plain), ["Connection is not encrypted"]);
    let pinned = PveBlock { insecure: None, fingerprint: PIN.parse().ok(), ..block() };
    assert!(told(pinned).is_empty());
}
