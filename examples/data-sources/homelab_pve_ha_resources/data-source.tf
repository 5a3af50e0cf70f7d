data "homelab_pve_ha_resources" "this" {}

output "resources" {
  value = keys(data.homelab_pve_ha_resources.this.resources)
}
