data "homelab_pve_pci_mappings" "this" {}

output "mappings" {
  value = keys(data.homelab_pve_pci_mappings.this.mappings)
}
