resource "homelab_pve_ha_rule" "apart" {
  name        = "dns-apart"
  type        = "resource-affinity"
  affinity    = "negative"
  service_ids = [homelab_pve_ha_resource.dns1.service_id, homelab_pve_ha_resource.dns2.service_id]
}

resource "homelab_pve_ha_rule" "prefer" {
  name            = "dns-prefers-pve1"
  type            = "node-affinity"
  service_ids     = [homelab_pve_ha_resource.dns1.service_id]
  node_priorities = { pve1 = 2, pve2 = 1 }
}
