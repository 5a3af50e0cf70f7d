# What the module refuses, and what it plans, without any Proxmox VE.

mock_provider "homelab" {}

run "nothing_asked_for_is_nothing_made" {
  command = plan

  assert {
    condition = (
      length(homelab_pve_cluster_options.this) + length(homelab_pve_storage.this) + length(homelab_pve_bridge.this) +
      length(homelab_pve_pci_mapping.this) + length(homelab_pve_usb_mapping.this) + length(homelab_pve_dir_mapping.this)
    ) == 0
    error_message = "The module manages only what it is told to."
  }
}

run "bridges_are_told_apart_by_node" {
  command = plan

  variables {
    bridges = { pve1 = { vmbr1 = { ports = ["eno2"] } }, pve2 = { vmbr1 = { mtu = 9000 } } }
  }

  assert {
    condition     = homelab_pve_bridge.this["pve2/vmbr1"].node_name == "pve2" && homelab_pve_bridge.this["pve2/vmbr1"].mtu == 9000
    error_message = "Two nodes can have bridges of one name."
  }
}

run "a_storage_without_a_type_is_refused" {
  command = plan
  variables { storages = { media = { content = ["images"] } } }
  expect_failures = [var.storages]
}

run "a_storage_with_two_types_is_refused" {
  command = plan
  variables { storages = { media = { dir = { path = "/srv" }, zfspool = { pool = "tank" } } } }
  expect_failures = [var.storages]
}

run "an_unknown_content_is_refused" {
  command = plan
  variables { storages = { media = { content = ["films"], dir = { path = "/srv" } } } }
  expect_failures = [var.storages]
}

run "a_bridge_with_a_long_name_is_refused" {
  command = plan
  variables { bridges = { pve1 = { storage_network = {} } } }
  expect_failures = [var.bridges]
}

run "a_pci_mapping_without_a_device_is_refused" {
  command = plan
  variables { pci_mappings = { gpu = { devices = [] } } }
  expect_failures = [var.pci_mappings]
}

run "a_device_id_in_capitals_is_refused" {
  command = plan
  variables { pci_mappings = { gpu = { devices = [{ node_name = "pve1", path = "0000:01:00.0", device_id = "10DE:1C03", iommu_group = 3 }] } } }
  expect_failures = [var.pci_mappings]
}

run "two_usb_devices_of_one_node_are_refused" {
  command = plan

  variables {
    usb_mappings = {
      zigbee = { devices = [{ node_name = "pve1", device_id = "10c4:ea60" }, { node_name = "pve1", device_id = "0403:6001" }] }
    }
  }

  expect_failures = [var.usb_mappings]
}

run "a_mapping_without_a_directory_is_refused" {
  command = plan
  variables { dir_mappings = { media = { directories = [] } } }
  expect_failures = [var.dir_mappings]
}
