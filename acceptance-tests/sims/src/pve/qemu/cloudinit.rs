//! What the generated cloud-init drive says: user, network and meta data, and how it lags behind the configuration.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::network::Network;
use super::options::{self, CLOUDINIT, property};
use super::vm::{MASK, Options, Vm};

/// User data of a VM.
pub fn user_data(config: &Options, vmid: u32) -> String {
    let get = |key: &str| config.get(key).map(String::as_str);
    let (hostname, fqdn) = host_names(config, vmid);
    let mut text = format!("#cloud-config\nhostname: {hostname}\nmanage_etc_hosts: true\nfqdn: {fqdn}\n");
    if let Some(user) = get("ciuser") {
        text.push_str(&format!("user: {user}\n"));
    }
    if let Some(password) = get("cipassword") {
        text.push_str(&format!("password: {password}\n"));
    }
    if let Some(keys) = get("sshkeys") {
        text.push_str("ssh_authorized_keys:\n");
        let keys = percent_encoding::percent_decode_str(keys).decode_utf8_lossy().into_owned();
        for key in keys.lines().filter(|key| !key.trim().is_empty()) {
            text.push_str(&format!("  - {key}\n"));
        }
    }
    text.push_str("chpasswd:\n  expire: False\n");
    if get("ciuser") != Some("root") {
        text.push_str("users:\n  - default\n");
    }
    if get("ciupgrade") != Some("0") {
        text.push_str("package_upgrade: true\n");
    }
    text
}

/// Network data, version 1: one entry for each device that has an `ipconfigN`, then the name servers.
pub fn network_data(config: &Options) -> String {
    let mut text = "version: 1\nconfig:\n".to_owned();
    for (id, network, addresses) in interfaces(config) {
        let mac = network.mac.unwrap_or_default().to_lowercase();
        text.push_str(&format!("    - type: physical\n      name: eth{id}\n      mac_address: '{mac}'\n"));
        text.push_str("      subnets:\n");
        match property(&addresses, "ip", "") {
            Some("dhcp") => text.push_str("      - type: dhcp4\n"),
            Some(cidr) => text.push_str(&static4(cidr, property(&addresses, "gw", ""))),
            None => {}
        }
        match property(&addresses, "ip6", "") {
            Some("dhcp") => text.push_str("      - type: dhcp6\n"),
            Some("auto") => text.push_str("      - type: ipv6_slaac\n"),
            Some(cidr) => {
                text.push_str(&format!("      - type: static6\n        address: '{cidr}'\n"));
                if let Some(gateway) = property(&addresses, "gw6", "") {
                    text.push_str(&format!("        gateway: '{gateway}'\n"));
                }
            }
            None => {}
        }
    }
    let listed = |key: &str| -> Vec<&str> {
        config
            .get(key)
            .into_iter()
            .flat_map(|text| text.split([' ', ',', ';']))
            .filter(|word| !word.is_empty())
            .collect()
    };
    let (servers, domains) = (listed("nameserver"), listed("searchdomain"));
    if !servers.is_empty() || !domains.is_empty() {
        text.push_str("    - type: nameserver\n");
        for (title, words) in [("address", servers), ("search", domains)] {
            if !words.is_empty() {
                text.push_str(&format!("      {title}:\n"));
                words.iter().for_each(|word| text.push_str(&format!("      - '{word}'\n")));
            }
        }
    }
    text
}

/// Meta data: an instance id that changes with everything else on the drive.
pub fn meta_data(config: &Options, vmid: u32) -> String {
    use sha1::Digest as _;
    let digest = sha1::Sha1::digest(user_data(config, vmid) + &network_data(config));
    let id: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("instance-id: {id}\n")
}

/// What `GET …/cloudinit` lists: each option with its value on the drive and, if that lags, the coming one.
pub fn pending(vm: &Vm) -> Vec<Value> {
    let shown = |key: &str, value: &str| -> Value {
        if key == "cipassword" { MASK.into() } else { options::to_json(key, value) }
    };
    let mut items = Vec::new();
    for (key, on_drive) in &vm.cloudinit {
        match (on_drive, vm.get(key)) {
            (None, Some(value)) => items.push(json!({"key": key, "pending": shown(key, value)})),
            (Some(_), None) => items.push(json!({"key": key, "delete": 1})),
            _ => {}
        }
    }
    for key in CLOUDINIT {
        // Upstream skips whatever Perl takes for false, so `ciupgrade: 0` is not listed.
        let Some(value) = vm.get(key).filter(|value| !matches!(*value, "0" | "")) else { continue };
        match vm.cloudinit.get(key) {
            None => items.push(json!({"key": key, "value": shown(key, value)})),
            Some(Some(on_drive)) => {
                items.push(json!({"key": key, "value": shown(key, on_drive), "pending": shown(key, value)}));
            }
            Some(None) => {}
        }
    }
    items
}

/// Notes that an option changes while the drive stays as it is.
pub fn record_change(vm: &mut Vm, key: &str, new: Option<&str>) {
    if !options::is_cloudinit(key) {
        return;
    }
    let old = vm.get(key).map(str::to_owned);
    let on_drive = vm.cloudinit.get(key).cloned().unwrap_or_else(|| old.clone());
    if on_drive.as_deref() == new {
        vm.cloudinit.remove(key);
    } else {
        vm.cloudinit.insert(key.to_owned(), on_drive);
    }
}

/// Slot and volume of the generated drive, if the VM has one.
pub fn drive(config: &Options) -> Option<(String, super::drive::Drive)> {
    super::vm::drives_of(config)
        .find(|(_, drive)| drive.is_cloudinit())
        .map(|(key, drive)| (key.to_owned(), drive))
}

fn interfaces(config: &Options) -> impl Iterator<Item = (u32, Network, String)> {
    (0..32).filter_map(|id| {
        let network = Network::parse(config.get(&format!("net{id}"))?)?;
        Some((id, network, config.get(&format!("ipconfig{id}"))?.clone()))
    })
}

fn host_names(config: &Options, vmid: u32) -> (String, String) {
    let name = config.get("name").cloned().unwrap_or_else(|| format!("VM{vmid}"));
    match (name.split_once('.'), config.get("searchdomain").filter(|domain| !domain.trim().is_empty())) {
        (Some((host, _)), _) => (host.to_owned(), name),
        (None, Some(domain)) => (name.clone(), format!("{name}.{domain}")),
        (None, None) => (name.clone(), name),
    }
}

fn static4(cidr: &str, gateway: Option<&str>) -> String {
    let (address, bits) = cidr.split_once('/').unwrap_or((cidr, "32"));
    let bits = bits.parse::<u32>().unwrap_or(32).min(32);
    let mask = Ipv4Addr::from(u32::MAX.checked_shl(32 - bits).unwrap_or(0));
    let mut text = format!("      - type: static\n        address: '{address}'\n        netmask: '{mask}'\n");
    if let Some(gateway) = gateway {
        text.push_str(&format!("        gateway: '{gateway}'\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(options: &[(&str, &str)]) -> Options {
        options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn user_data_is_as_recorded() {
        let config = config(&[
            ("name", "vm-one"),
            ("searchdomain", "example.com"),
            ("ciuser", "ubuntu"),
            ("cipassword", "S3cret!"),
            ("sshkeys", "ssh-ed25519%20AAAA%20user%40example"),
        ]);
        assert_eq!(
            user_data(&config, 100),
            "#cloud-config\nhostname: vm-one\nmanage_etc_hosts: true\nfqdn: vm-one.example.com\nuser: ubuntu\n\
             password: S3cret!\nssh_authorized_keys:\n  - ssh-ed25519 AAAA user@example\nchpasswd:\n  expire: False\n\
             users:\n  - default\npackage_upgrade: true\n"
        );
    }

    #[test]
    fn network_data_is_as_recorded() {
        let config = config(&[
            ("net0", "virtio=BC:24:11:83:CD:45,bridge=vmbr0,firewall=1"),
            ("net1", "virtio=BC:24:11:83:CD:46,bridge=vmbr0"),
            ("ipconfig0", "ip=192.0.2.50/24,gw=192.0.2.1"),
            ("nameserver", "1.1.1.1 8.8.8.8"),
            ("searchdomain", "example.com"),
        ]);
        assert_eq!(
            network_data(&config),
            "version: 1\nconfig:\n    - type: physical\n      name: eth0\n      mac_address: 'bc:24:11:83:cd:45'\n      \
             subnets:\n      - type: static\n        address: '192.0.2.50'\n        netmask: '255.255.255.0'\n        \
             gateway: '192.0.2.1'\n    - type: nameserver\n      address:\n      - '1.1.1.1'\n      - '8.8.8.8'\n      \
             search:\n      - 'example.com'\n"
        );
    }

    #[test]
    fn meta_data_changes_with_the_rest() {
        let one = config(&[("ciuser", "u")]);
        let two = config(&[("ciuser", "v")]);
        assert!(meta_data(&one, 100).starts_with("instance-id: "));
        assert_ne!(meta_data(&one, 100), meta_data(&two, 100));
    }

    #[test]
    fn a_change_is_pending_until_the_drive_is_written_and_gone_when_taken_back() {
        let mut vm = Vm::on("pve1");
        vm.set("ciuser", "u");
        record_change(&mut vm, "ciuser", Some("v"));
        vm.set("ciuser", "v");
        record_change(&mut vm, "ipconfig0", Some("ip=dhcp"));
        vm.set("ipconfig0", "ip=dhcp");
        record_change(&mut vm, "cores", Some("2"));
        assert_eq!(
            pending(&vm),
            [
                json!({"key": "ipconfig0", "pending": "ip=dhcp"}),
                json!({"key": "ciuser", "value": "u", "pending": "v"})
            ]
        );
        record_change(&mut vm, "ciuser", Some("u"));
        vm.set("ciuser", "u");
        vm.cloudinit.remove("ipconfig0");
        assert_eq!(pending(&vm), [json!({"key": "ciuser", "value": "u"})]);
    }
}
