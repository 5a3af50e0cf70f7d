data "homelab_pve_usb_mappings" "this" {}

output "mappings" {
  value = keys(data.homelab_pve_usb_mappings.this.mappings)
}
