output "bridge_names" {
  description = "Bridges by node: name of each by its name, for `bridge` of a network device that has to wait for it."
  value = {
    for node_name, bridges in var.bridges : node_name => {
      for name in keys(bridges) : name => homelab_pve_bridge.this["${node_name}/${name}"].name
    }
  }
}

output "dir_mapping_names" {
  description = "Names of the directory mappings, by name."
  value       = { for name, mapping in homelab_pve_dir_mapping.this : name => mapping.name }
}

output "pci_mapping_names" {
  description = "Names of the PCI mappings, by name, for `pci_devices` of a machine that has to wait for one."
  value       = { for name, mapping in homelab_pve_pci_mapping.this : name => mapping.name }
}

output "storage_names" {
  description = "Names of the storages, by name, for `storage_name` of whatever has to wait for one."
  value       = { for name, storage in homelab_pve_storage.this : name => storage.name }
}

output "usb_mapping_names" {
  description = "Names of the USB mappings, by name."
  value       = { for name, mapping in homelab_pve_usb_mapping.this : name => mapping.name }
}
