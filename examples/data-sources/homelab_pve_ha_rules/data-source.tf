data "homelab_pve_ha_rules" "this" {}

output "rules" {
  value = keys(data.homelab_pve_ha_rules.this.rules)
}
