//! Values of a request in the shape in which the configuration stores them.

use super::vm::Options;
use super::{network, options};
use crate::pve::answer::Failure;
use crate::pve::content::naming::VolumeId;
use crate::pve::state::Lab;

/// Prefix of generated MAC addresses unless the datacenter sets another.
const MAC_PREFIX: &str = "BC:24:11";

impl Lab {
    /// Prefix of generated MAC addresses.
    pub fn mac_prefix(&self) -> String {
        self.datacenter.get("mac_prefix").cloned().unwrap_or_else(|| MAC_PREFIX.to_owned())
    }

    /// A new MAC address.
    pub fn new_mac(&self) -> String {
        network::random_mac(&self.mac_prefix())
    }
}

/// The value of an option that is neither a drive nor a network device.
pub fn stored(key: &str, value: &str) -> String {
    match key {
        "tags" => options::normal_tags(value),
        "description" => value.trim_end_matches('\n').to_owned(),
        "vmgenid" if value == "1" => uuid::Uuid::new_v4().to_string(),
        // Upstream's reader of configuration files takes the blank after the colon for the value.
        _ if value.is_empty() => " ".to_owned(),
        _ => value.to_owned(),
    }
}

/// Turns `cdrom=…` into `ide2=…,media=cdrom`.
pub fn resolve_cdrom_alias(set: &mut Options) -> Result<(), Failure> {
    let Some(value) = set.remove("cdrom") else { return Ok(()) };
    if set.contains_key("ide2") {
        return Err(Failure::parameter("cdrom", "conflicts with parameter 'ide2'"));
    }
    let media = if value.contains("media=") { "" } else { ",media=cdrom" };
    set.insert("ide2".to_owned(), format!("{value}{media}"));
    Ok(())
}

/// Refuses what is no list of public keys. The value is URL-encoded.
pub fn check_ssh_keys(set: &Options) -> Result<(), Failure> {
    let Some(keys) = set.get("sshkeys") else { return Ok(()) };
    let keys = percent_encoding::percent_decode_str(keys).decode_utf8_lossy();
    let valid =
        keys.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).all(is_ssh_key);
    if valid { Ok(()) } else { Err(Failure::died("SSH public key validation error")) }
}

fn is_ssh_key(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let known = ["ssh-rsa", "ssh-dss", "ssh-ed25519"].contains(&kind)
        || kind.starts_with("ecdsa-sha2-")
        || kind.starts_with("sk-");
    let body = words.next().unwrap_or_default();
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    known && body.starts_with("AAAA") && body.chars().all(base64)
}

/// A password as an update stores it: hashed, unless it is a hash already.
pub fn hashed_password(password: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let is_hash = ["$1$", "$5$", "$6$", "$2a$", "$2y$"].iter().any(|prefix| password.starts_with(prefix));
    if is_hash {
        return password.to_owned();
    }
    // The shape of a SHA-256 crypt hash; nobody logs in with it.
    let salt = &uuid::Uuid::new_v4().simple().to_string()[..8];
    let digest = sha2::Sha256::digest(format!("{salt}{password}"));
    let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest);
    format!("$5${salt}${}", text.replace('+', "."))
}

/// Refuses a hook script that is not there.
pub fn check_hookscript(lab: &Lab, node: &str, set: &Options) -> Result<(), Failure> {
    let Some(script) = set.get("hookscript") else { return Ok(()) };
    let found = VolumeId::parse(script).is_some_and(|id| lab.volume(node, &id).is_some());
    if found {
        return Ok(());
    }
    Err(Failure::parameter("hookscript", format!("script '{script}' does not exist\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_stored_as_the_service_stores_them() {
        for (key, sent, kept) in [
            ("tags", "", " "),
            ("tags", "B;a", "a;b"),
            ("ciuser", "", " "),
            ("description", "one\ntwo\n", "one\ntwo"),
            ("memory", "current=1024", "current=1024"),
            ("agent", "1", "1"),
        ] {
            assert_eq!(stored(key, sent), kept, "{key}");
        }
        assert_eq!(stored("vmgenid", "1").len(), 36);
    }

    #[test]
    fn only_public_keys_are_taken() {
        let with = |keys: &str| check_ssh_keys(&[("sshkeys".to_owned(), keys.to_owned())].into());
        assert!(with("ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAA%20user%40example%0A").is_ok());
        assert_eq!(with("not%20a%20key").unwrap_err().message, "SSH public key validation error\n");
    }

    #[test]
    fn passwords_are_hashed_once() {
        let hashed = hashed_password("plain");
        assert!(hashed.starts_with("$5$") && !hashed.contains("plain"));
        assert_eq!(hashed_password(&hashed), hashed);
    }

    #[test]
    fn the_cdrom_alias_means_ide2() {
        let mut set: Options = [("cdrom".to_owned(), "ds2:iso/test.iso".to_owned())].into();
        resolve_cdrom_alias(&mut set).unwrap();
        assert_eq!(set["ide2"], "ds2:iso/test.iso,media=cdrom");
    }
}
