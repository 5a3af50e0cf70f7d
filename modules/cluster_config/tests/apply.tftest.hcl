# Against a Proxmox VE, which the environment names: HOMELAB_PVE_ENDPOINT, HOMELAB_PVE_API_TOKEN, HOMELAB_PVE_CA_FILE.

provider "homelab" {}

variables {
  options      = { keyboard = "de", migration = { type = "secure", network = "192.0.2.0/24" } }
  bridges      = { pve1 = { vmbr7 = { comment = "test" } }, pve2 = { vmbr7 = { vlan_aware = true } } }
  storages     = { module-test = { content = ["iso"], dir = { path = "/srv/module-test" }, nodes = ["pve1"] } }
  pci_mappings = { test-gpu = { devices = [{ node_name = "pve1", path = "0000:01:00", device_id = "10de:1c03", iommu_group = 3 }] } }
  usb_mappings = { test-zigbee = { devices = [{ node_name = "pve1", device_id = "10c4:ea60" }] } }
  dir_mappings = { test-media = { directories = [{ node_name = "pve1", path = "/srv" }] } }
}

run "makes_everything" {
  assert {
    condition     = output.storage_names["module-test"] == "module-test" && output.pci_mapping_names["test-gpu"] == "test-gpu"
    error_message = "What was made can be named."
  }
  assert {
    condition     = output.bridge_names["pve2"]["vmbr7"] == "vmbr7"
    error_message = "Bridges are found by node and name."
  }
  assert {
    condition     = homelab_pve_storage.this["module-test"].type == "dir"
    error_message = "The object that is set says the type."
  }
}

run "changes_one_of_each_and_gives_one_node_up" {
  variables {
    options      = { language = "de" }
    bridges      = { pve2 = { vmbr7 = { vlan_aware = false } } }
    storages     = { module-test = { content = ["iso", "backup"], dir = { path = "/srv/module-test" } } }
    pci_mappings = { test-gpu = { description = "For ollama", devices = [{ node_name = "pve2", path = "0000:01:00", device_id = "10de:1c03", iommu_group = 3 }] } }
  }

  assert {
    condition     = keys(output.bridge_names) == ["pve2"] && length(homelab_pve_storage.this["module-test"].content) == 2
    error_message = "What is not named any more is gone, the rest is as it is said."
  }
}
