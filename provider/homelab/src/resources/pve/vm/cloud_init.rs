//! What cloud-init gets: settings that Proxmox VE writes on a drive of its own, or a disc with whole documents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use pve_client::{Drive, StorageName, VmConfig, VolumeId};
use tf_framework::prelude::*;

use super::ip_config::{self, IpConfig};
use super::named::{Named, Pair};
use super::writes::{Writes, parsed, truth};
use super::{seed, slot};

/// The slot of a new drive when none is named.
pub(super) const SLOT: &str = "ide2";

/// Keys of the configuration that go into the drive, besides those of the network devices.
const KEYS: [&str; 8] =
    ["ciuser", "cipassword", "sshkeys", "nameserver", "searchdomain", "ciupgrade", "citype", "cicustom"];

/// What cloud-init inside the guest sets up: either from settings, on a small drive that Proxmox VE writes at each start,
/// or from documents of your own (`user_data`, `meta_data`, `network_config`, `vendor_data`), on a disc that is kept on
/// `iso_storage_name` and goes with the machine. cloud-init reads one of them only, so the two do not go together.
///
/// Documents are part of the state; wrap them in `sensitive()` where they have secrets. A clone without documents of its
/// own keeps using the disc of its template, which goes with the template.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct CloudInit {
    /// Storage of the drive that Proxmox VE writes. By default that of the machine's first disk.
    #[schema(parse, wire = "storage", keep)]
    pub storage_name: Defaulted<StorageName>,

    /// Slot of the drive. By default the one that the template has, else `ide2`. A change moves the drive.
    #[schema(keep, validate = slot::CDROM_SLOTS)]
    pub slot: Defaulted<String>,

    /// User that is made. By default the image decides.
    #[schema(wire = "ciuser", validate = length(1, 64))]
    pub user: Option<String>,

    /// Password of the user. It is stored in the state; `password_wo` is not.
    #[schema(wire = "cipassword", sensitive, validate = length(1, 256))]
    pub password: Option<String>,

    /// Password of the user, which is never stored. Change `password_wo_version` to send it again.
    #[schema(wire = "cipassword", write_only, sensitive, validate = length(1, 256))]
    pub password_wo: Option<String>,

    /// Version of `password_wo`: any other number sends it again.
    pub password_wo_version: Option<i64>,

    /// Public keys that may log in as the user, one per element.
    #[schema(wire = "sshkeys", validate = each(matches("one public key in one line, such as `ssh-ed25519 AAAA… me@here`", key_line)))]
    pub ssh_keys: Option<BTreeSet<String>>,

    /// Addresses by network device: `ipconfig0` is for `net0`. A device without an entry asks for an IPv4 address by
    /// DHCP.
    #[schema(wire = "ipconfigN", validate = slot::IP_CONFIG_SLOTS)]
    pub ip_configs: Option<BTreeMap<String, IpConfig>>,

    /// Addresses of name servers, first choice first. By default those of the node.
    #[schema(wire = "nameserver", validate = length(1, usize::MAX), validate = each(matches("an IP address", |text| text.parse::<std::net::IpAddr>().is_ok())))]
    pub name_servers: Option<Vec<String>>,

    /// Domain in which short names are searched. By default that of the node.
    #[schema(wire = "searchdomain", validate = length(1, 253))]
    pub search_domain: Option<String>,

    /// Whether packages are upgraded at the first start. Proxmox VE's default is `true`.
    #[schema(wire = "ciupgrade")]
    pub upgrade_packages: Option<bool>,

    /// Format of the data. By default Proxmox VE chooses by `os_type`: `configdrive2` for Windows, else `nocloud`.
    #[schema(wire = "citype", validate = one_of(["nocloud", "configdrive2", "opennebula"]))]
    pub r#type: Option<String>,

    /// User data: a cloud-config, whose first line is `#cloud-config`, a script, or whatever else cloud-init takes. The
    /// function `cloud_config` makes one of an object. By default an empty one, as soon as there is another document.
    #[schema(validate = length(1, seed::LONGEST))]
    pub user_data: Option<String>,

    /// Meta data, as YAML. It gets an `instance-id` that is another one whenever a document changes, and a
    /// `local-hostname` that is the machine's name when the disc is made, unless it has its own.
    #[schema(validate = length(1, seed::LONGEST))]
    pub meta_data: Option<String>,

    /// Network configuration, as YAML of version 1 or 2. By default cloud-init asks for an address by DHCP.
    #[schema(validate = length(1, seed::LONGEST))]
    pub network_config: Option<String>,

    /// Vendor data: like `user_data`, which overrides it.
    #[schema(validate = length(1, seed::LONGEST))]
    pub vendor_data: Option<String>,

    /// What a change of a document does. `reboot`: the machine gets a new disc while it is off, and a running one is shut
    /// down and started for that; cloud-init then sets it up as a new machine, for example with new host keys for SSH.
    /// With `reboot_when_needed = false` that comes at the next start. `replace`: the machine is replaced. `ignore`:
    /// nothing; the disc and the state stay as they are.
    #[schema(default = "reboot", validate = one_of(seed::OnChange::NAMES))]
    pub user_data_change: Defaulted<String>,

    /// Storage of the disc with the documents, which has to take the content `iso`. By default the first of the node that
    /// does, in the order of their names; those that other nodes see too come first, because a machine takes its disc
    /// along only there. Elsewhere it gets another one after a move.
    #[schema(parse, keep)]
    pub iso_storage_name: Defaulted<StorageName>,

    /// Disc with the documents. Its name has the ID of the machine and a checksum of the documents.
    #[schema(parse, keep)]
    pub iso_volume_id: Computed<VolumeId>,
}

/// Whether a line has a public key: its type, then its data, which begins with the length and the type again (RFC 4253).
/// Options may stand before it and a comment behind it.
fn key_line(text: &str) -> bool {
    let text = text.trim();
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_key = |kind: &str, data: &str| {
        let data = STANDARD_NO_PAD.decode(data.trim_end_matches('=')).unwrap_or_default();
        let length = u32::try_from(kind.len()).unwrap_or_default().to_be_bytes();
        data.strip_prefix(&length).is_some_and(|rest| rest.starts_with(kind.as_bytes()))
    };
    !text.contains(['\n', '\r']) && words.windows(2).any(|pair| is_key(pair[0], pair[1]))
}

/// Whether a key of the configuration goes into the drive.
pub(super) fn is_setting(key: &str) -> bool {
    KEYS.contains(&key) || slot::is_ip_config(key)
}

/// The drive with the data and its slot, if there is one.
pub(super) fn drive(config: &VmConfig) -> Option<(&str, Drive)> {
    config.values.iter().filter(|(key, _)| slot::is_cdrom(key)).find_map(|(key, value)| {
        let drive: Drive = value.parse().ok()?;
        drive.is_cloud_init().then_some((key.as_str(), drive))
    })
}

/// The slot that a drive has to leave for another. Its volume has a fixed name, so it has to be gone before another can
/// be made on the same storage.
pub(super) fn slot_to_leave<'c>(want: Option<&CloudInit>, config: &'c VmConfig) -> Option<&'c str> {
    let wanted = want?.slot.known()?;
    drive(config).map(|(slot, _)| slot).filter(|slot| slot != wanted)
}

/// What a configuration says. Without a drive there is no cloud-init.
pub(super) fn read(named: Named<'_, CloudInit>, config: &VmConfig) -> Option<CloudInit> {
    if let Some(documents) = seed::config::read(named, config) {
        return Some(documents);
    }
    let (slot, found) = drive(config)?;
    named.object(|c| CloudInit {
        storage_name: found.volume().map(|volume| volume.storage().clone()).into(),
        slot: slot.into(),
        user: c.of(|c| &c.user).found(parsed(config, "ciuser")),
        // Only a mask can be read: what the state says still holds, unless there is no password at all.
        password: c.of(|c| &c.password).stated().filter(|_| config.value("cipassword").is_some()).cloned(),
        password_wo: None,
        password_wo_version: c.of(|c| &c.password_wo_version).stated().copied(),
        ssh_keys: ssh_keys(c.of(|c| &c.ssh_keys), config),
        ip_configs: ip_config::read(c.of(|c| &c.ip_configs), config),
        name_servers: c.of(|c| &c.name_servers).found(name_servers(config)),
        search_domain: c.of(|c| &c.search_domain).found(parsed(config, "searchdomain")),
        upgrade_packages: c.of(|c| &c.upgrade_packages).or(truth(config, "ciupgrade"), true),
        r#type: c.of(|c| &c.r#type).found(parsed(config, "citype")),
        user_data: None,
        meta_data: None,
        network_config: None,
        vendor_data: None,
        user_data_change: c.stated().map_or("reboot".into(), |c| c.user_data_change.clone()),
        iso_storage_name: None.into(),
        iso_volume_id: None.into(),
    })
}

fn name_servers(config: &VmConfig) -> Option<Vec<String>> {
    let words = config.value("nameserver")?.split([' ', ',', ';']);
    Some(words.filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

/// The keys as the state spells them: blanks around a key, such as the end of a file's line, do not matter.
fn ssh_keys(named: Named<'_, BTreeSet<String>>, config: &VmConfig) -> Option<BTreeSet<String>> {
    let found = wire_keys(config);
    let spelling = |key: String| {
        let stated = named.stated().into_iter().flatten().find(|stated| stated.trim() == key);
        stated.cloned().unwrap_or(key)
    };
    named.or(found.map(|keys| keys.into_iter().map(spelling).collect()), [])
}

fn wire_keys(config: &VmConfig) -> Option<BTreeSet<String>> {
    let text = percent_decode_str(config.value("sshkeys")?).decode_utf8_lossy().into_owned();
    Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// The characters that Proxmox VE's own interface leaves as they are.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Writes what changes. `first_disk` is the storage for a drive that names none.
pub(super) fn write(cloud_init: Pair<'_, CloudInit>, first_disk: Option<StorageName>, out: &mut Writes<'_>) {
    write_drive(cloud_init, first_disk, out);
    out.text("ciuser", cloud_init.wish(|c| &c.user));
    out.text("searchdomain", cloud_init.wish(|c| &c.search_domain));
    out.flag("ciupgrade", cloud_init.flag(|c| &c.upgrade_packages));
    out.text("citype", cloud_init.wish(|c| &c.r#type));
    out.text("nameserver", cloud_init.wish(|c| &c.name_servers).map(|servers| servers.join(" ")));
    write_keys(cloud_init, out);
    write_password(cloud_init, out);
    ip_config::write(cloud_init.of(|c| &c.ip_configs), out);
}

/// The error for a new drive without a storage.
pub(super) fn no_storage() -> Diagnostic {
    Diagnostic::error(
        "Missing argument",
        "The machine has no disk whose storage the cloud-init drive could share. Set `storage_name`.",
    )
    .at("cloud_init.storage_name")
}

fn write_drive(cloud_init: Pair<'_, CloudInit>, first_disk: Option<StorageName>, out: &mut Writes<'_>) {
    let present = drive(out.current());
    let Some(want) = cloud_init.want else {
        seed::config::remove(cloud_init, out);
        if let Some((slot, _)) = present.filter(|_| cloud_init.prior.is_some()) {
            out.remove(slot);
        }
        return;
    };
    if want.print().is_some() {
        return seed::config::write(want, out);
    }
    let disc = seed::config::inserted(out.current()).map(|disc| disc.slot);
    let present_slot = present.as_ref().map(|(slot, _)| *slot).or(disc);
    let present_storage =
        present.as_ref().and_then(|(_, drive)| drive.volume().map(|volume| volume.storage().clone()));
    let slot = want.slot.known().map(String::as_str).or(present_slot).unwrap_or(SLOT).to_owned();
    let storage = want.storage_name.known().cloned().or_else(|| present_storage.clone()).or(first_disk);
    let Some(storage) = storage else {
        return out.problem(no_storage());
    };
    if present_slot == Some(&slot) && present_storage.as_ref() == Some(&storage) {
        return;
    }
    if let Some(old) = present_slot.filter(|old| *old != slot) {
        out.remove(old);
    }
    out.force(&slot, Drive::new(format!("{storage}:cloudinit")).with("media", "cdrom"));
}

fn write_keys(cloud_init: Pair<'_, CloudInit>, out: &mut Writes<'_>) {
    match cloud_init.wish(|c| &c.ssh_keys) {
        Edit::Keep => {}
        Edit::Clear => out.remove("sshkeys"),
        Edit::Set(keys) => {
            let wanted: BTreeSet<String> = keys.iter().map(|key| key.trim().to_owned()).collect();
            if wanted.is_empty() {
                out.remove("sshkeys");
            } else if wire_keys(out.current()).as_ref() != Some(&wanted) {
                let lines: Vec<String> = wanted.into_iter().collect();
                // The value itself has to be escaped; the form escapes it once more.
                out.force("sshkeys", utf8_percent_encode(&lines.join("\n"), KEPT));
            }
        }
    }
}

/// A password cannot be compared, so it is sent when the plan changes it, or when there is none yet.
fn write_password(cloud_init: Pair<'_, CloudInit>, out: &mut Writes<'_>) {
    let absent = out.current().value("cipassword").is_none();
    let (prior, want) = (cloud_init.prior, cloud_init.want);
    let stored = want.and_then(|c| c.password.as_ref());
    let write_only = want.and_then(|c| c.password_wo.as_ref());
    let version = |c: Option<&CloudInit>| c.and_then(|c| c.password_wo_version);
    if let Some(password) = stored {
        if absent || prior.and_then(|c| c.password.as_ref()) != Some(password) {
            out.force("cipassword", password);
        }
    } else if let Some(password) = write_only {
        let before = version(prior);
        if absent || before.is_none() || before != version(want) {
            out.force("cipassword", password);
        }
    } else if prior.is_some_and(|c| c.password.is_some() || c.password_wo_version.is_some()) {
        out.remove("cipassword");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_by_its_type_which_its_data_repeats() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB";
        for good in [key.to_owned(), format!("no-pty,command=\"a b\" {key} me@here\n")] {
            assert!(key_line(&good), "{good}");
        }
        let other = key.replace("ssh-ed25519", "ssh-rsa");
        let two = format!("{key}\n{key}");
        for bad in ["", "hello world", "ssh-ed25519", "ssh-ed25519 AAAA me@here", &key[12..], &other, &two] {
            assert!(!key_line(bad), "{bad}");
        }
    }
}
