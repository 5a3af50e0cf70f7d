resource "homelab_pve_ha_rule" "apart" {
  name        = "dns-apart"
  type        = "resource-affinity"
  affinity    = "negative"
  service_ids = ["vm:105", "vm:106"]
}

resource "homelab_pve_ha_rule" "prefer" {
  name            = "dns-prefers-pve1"
  type            = "node-affinity"
  service_ids     = ["vm:105"]
  node_priorities = { pve1 = 2, pve2 = 1 }
}
