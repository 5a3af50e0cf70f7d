//! The rules of machines.

use serde_json::{Value as Json, json};

use super::{devices, entries_mut, is_set, keys, unset};

/// The machine that is a clone, by the beginning of its label.
fn is_clone(label: &str) -> bool {
    label.starts_with('c')
}

pub(super) fn one(label: &str, config: &mut Json) {
    if is_clone(label) {
        clone(label, config);
    }
    if config["template"] == true {
        unset(config, "started");
        unset(config, "data_disks");
    }
    place(config);
    slots(config);
    disks(config);
    devices::mend(label, config);
    boot_order(config);
    let size = config["memory"]["size_mib"].as_u64().unwrap_or(512);
    if config["memory"]["minimum_mib"].as_u64().is_some_and(|least| least > size) {
        config["memory"]["minimum_mib"] = json!(size);
    }
    if config["bios"] == "seabios" {
        unset(config, "efi_disk");
    }
    cloud_init(config);
    let has_documents = DOCUMENTS.iter().any(|name| is_set(&config["cloud_init"], name));
    for name in ["efi_disk", "tpm_state", "cloud_init"] {
        if name == "cloud_init" && has_documents {
            continue;
        }
        if config[name].is_object() && !is_set(&config[name], "storage_name") {
            config[name]["storage_name"] = json!("local-lvm");
        }
    }
    raw_without_files(&mut config["efi_disk"]);
    networks(config);
}

/// Either one node or a list of them.
fn place(config: &mut Json) {
    if config["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty()) {
        unset(config, "node_name");
    } else {
        unset(config, "nodes");
        if !is_set(config, "node_name") {
            config["node_name"] = json!("pve1");
        }
    }
}

/// A clone names what it has from its template, so that an import finds nothing more than what is named.
fn clone(label: &str, config: &mut Json) {
    if !is_set(config, "name") {
        config["name"] = json!("copy");
    }
    config["clone"] = json!({ "vm_id": format!("${{homelab_pve_vm.t{}.vm_id}}", &label[1..]) });
    let disk = &mut config["disks"]["scsi0"];
    if disk.is_null() {
        *disk = json!({});
    }
    unset(disk, "import_from");
}

/// One device for each slot, and with the chipset `q35` no slots that it lacks.
fn slots(config: &mut Json) {
    if config["machine"].as_str().is_some_and(|machine| machine.contains("q35")) {
        for map in ["disks", "cdroms"] {
            unset(&mut config[map], "ide1");
            unset(&mut config[map], "ide3");
        }
        if ["ide1", "ide3"].contains(&config["cloud_init"]["slot"].as_str().unwrap_or_default()) {
            unset(&mut config["cloud_init"], "slot");
        }
    }
    let mut taken = keys(config, "disks");
    for map in ["data_disks", "cdroms"] {
        for slot in keys(config, map) {
            if taken.contains(&slot) {
                unset(&mut config[map], &slot);
            }
            taken.push(slot);
        }
    }
    let slot = config["cloud_init"]["slot"].as_str().map(str::to_owned);
    if slot.is_some_and(|slot| taken.contains(&slot)) {
        unset(&mut config["cloud_init"], "slot");
    }
    // A data disk is in one slot.
    let mut seen = Vec::new();
    for slot in keys(config, "data_disks") {
        let disk = config["data_disks"][&slot].clone();
        if seen.contains(&disk) {
            unset(&mut config["data_disks"], &slot);
        }
        seen.push(disk);
    }
}

fn disks(config: &mut Json) {
    for (slot, disk) in entries_mut(config, "disks") {
        if slot.starts_with("virtio") {
            unset(disk, "ssd");
        }
        if !slot.starts_with("virtio") && !slot.starts_with("scsi") {
            unset(disk, "io_thread");
            unset(disk, "read_only");
        }
        if !is_set(disk, "storage_name") {
            disk["storage_name"] = json!("local-lvm");
        }
        raw_without_files(disk);
        if is_set(disk, "import_from") {
            // The image has three.
            if disk["size_gib"].as_u64().is_some_and(|size| size < 3) {
                disk["size_gib"] = json!(3);
            }
        } else if !is_set(disk, "size_gib") {
            disk["size_gib"] = json!(1);
        }
        limits(&mut disk["limits"]);
    }
}

/// Storages without files have raw images only.
fn raw_without_files(disk: &mut Json) {
    if disk["storage_name"] == "local-lvm" && is_set(disk, "format") {
        disk["format"] = json!("raw");
    }
}

/// A limit of both directions excludes those of one.
fn limits(limits: &mut Json) {
    for unit in
        ["mib_per_second", "operations_per_second", "burst_mib_per_second", "burst_operations_per_second"]
    {
        if is_set(limits, &format!("total_{unit}")) {
            unset(limits, &format!("read_{unit}"));
            unset(limits, &format!("write_{unit}"));
        }
    }
}

/// Only what is there can be booted from.
fn boot_order(config: &mut Json) {
    let there: Vec<String> =
        ["disks", "cdroms", "networks"].iter().flat_map(|map| keys(config, map)).collect();
    if let Some(order) = config.get_mut("boot_order").and_then(Json::as_array_mut) {
        order.retain(|slot| there.iter().any(|there| slot == there));
        if order.is_empty() {
            unset(config, "boot_order");
        }
    }
}

fn networks(config: &mut Json) {
    for (_, network) in entries_mut(config, "networks") {
        if network["model"].as_str().is_some_and(|model| model != "virtio") {
            unset(network, "mtu");
            unset(network, "queues");
        }
        if !is_set(network, "bridge") {
            ["vlan_id", "trunk_vlan_ids", "firewall", "mtu", "rate_mib_per_second"]
                .iter()
                .for_each(|name| unset(network, name));
        }
    }
}

/// What goes on a disc of one's own, in place of Proxmox's drive.
const DOCUMENTS: [&str; 4] = ["user_data", "meta_data", "network_config", "vendor_data"];

fn cloud_init(config: &mut Json) {
    let cloud_init = &mut config["cloud_init"];
    if is_set(cloud_init, "password_wo") {
        unset(cloud_init, "password");
    }
    let has_documents = DOCUMENTS.iter().any(|name| is_set(cloud_init, name));
    if let Some(arguments) = cloud_init.as_object_mut() {
        let ours = ["iso_storage_name", "user_data_change"];
        arguments.retain(|name, _| {
            let of_disc = DOCUMENTS.contains(&name.as_str()) || ours.contains(&name.as_str());
            name == "slot" || of_disc == has_documents
        });
    }
    for (_, addresses) in entries_mut(cloud_init, "ip_configs") {
        for family in ["ipv4", "ipv6"] {
            let address = addresses[format!("{family}_address")].as_str().unwrap_or("dhcp");
            if ["dhcp", "auto"].contains(&address) {
                unset(addresses, &format!("{family}_gateway"));
            }
        }
        // What says nothing is not kept, and refused.
        if addresses.as_object().is_some_and(|said| said.values().all(Json::is_null)) {
            addresses["ipv4_address"] = json!("dhcp");
        }
    }
}

/// Disks do not shrink, and what is protected cannot be replaced.
pub(super) fn change(label: &str, first: &mut Json, second: &mut Json) {
    for (slot, disk) in entries_mut(second, "disks") {
        let before = &first["disks"][slot];
        if before.is_null() {
            continue;
        }
        let had = before["size_gib"].as_u64().unwrap_or(if is_set(before, "import_from") { 3 } else { 1 });
        if disk["size_gib"].as_u64().is_some_and(|size| size < had) {
            disk["size_gib"] = json!(had);
        }
    }
    // What comes and goes only with a restart, and has to, wants one.
    let unplugs = takes_disks(first);
    let lets_go = unplugs || !(label.starts_with('u') || label.starts_with('v'));
    let grows = entries_mut(second, "disks").any(|(slot, disk)| {
        let is_hot = unplugs && (slot.starts_with("scsi") || slot.starts_with("virtio"));
        !is_hot && is_set(disk, "import_from") && is_set(disk, "size_gib")
    });
    if grows || !lets_go || needs_stop(first, second) {
        unset(second, "reboot_when_needed");
    }
    // Documents that are not changed are not on the disc, which is what an import knows.
    if second["cloud_init"]["user_data_change"] == "ignore"
        && DOCUMENTS.iter().any(|name| is_set(&first["cloud_init"], name))
    {
        for name in DOCUMENTS {
            second["cloud_init"][name] = first["cloud_init"][name].clone();
        }
        cloud_init(second);
    }
    // A clone keeps these when they are not named any more, because they may be from its template.
    if is_set(second, "clone") {
        for (device, setting) in
            [("agent", "enabled"), ("cpu", "type"), ("display", "type"), ("watchdog", "model")]
        {
            if is_set(first, device) && is_set(second, device) && !is_set(&second[device], setting) {
                second[device][setting] = first[device][setting].clone();
            }
        }
    }
    // Proxmox VE takes no drive out of a protected machine, and the plan refuses to try.
    if first["protection"] == true && second["protection"] == true && drops_a_drive(first, second) {
        second["protection"] = json!(false);
    }
    if first["template"] == true && second["template"] != true {
        first["protection"] = json!(false);
    }
    // A move takes along only what other nodes can have too, which is for other tests.
    let place =
        if is_set(first, "node_name") { first["node_name"].clone() } else { first["nodes"][0].clone() };
    if let Some(nodes) = second.get_mut("nodes").and_then(Json::as_array_mut) {
        nodes.retain(|node| *node != place);
        nodes.insert(0, place);
    } else {
        second["node_name"] = place;
    }
}

/// Whether something changes that only a stopped machine does.
fn needs_stop(first: &Json, second: &Json) -> bool {
    let swaps = |before: &str, after: &str| {
        let taken = keys(second, after);
        keys(first, before).iter().any(|slot| taken.contains(slot))
    };
    let differs = |object: &str, name: &str| {
        is_set(first, object) && is_set(&second[object], name) && first[object][name] != second[object][name]
    };
    swaps("disks", "cdroms")
        || swaps("cdroms", "disks")
        || differs("cloud_init", "slot")
        || differs("tpm_state", "storage_name")
}

/// Whether a running machine takes disks and gives them.
fn takes_disks(config: &Json) -> bool {
    config["hotplug"].as_array().is_none_or(|features| features.contains(&json!("disk")))
}

/// Whether a drive of the first configuration may not be in the second.
fn drops_a_drive(first: &Json, second: &Json) -> bool {
    let slots = |config: &Json| [keys(config, "disks"), keys(config, "cdroms")].concat();
    let kept = slots(second);
    slots(first).iter().any(|slot| !kept.contains(slot))
        || ["efi_disk", "tpm_state"].iter().any(|name| is_set(first, name) && !is_set(second, name))
        || is_set(first, "cloud_init") && first["cloud_init"]["slot"] != second["cloud_init"]["slot"]
        || is_set(first, "cloud_init") && !is_set(second, "cloud_init")
}
