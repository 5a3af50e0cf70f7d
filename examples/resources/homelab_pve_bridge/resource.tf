resource "homelab_pve_bridge" "guests" {
  node_name  = "pve1"
  name       = "vmbr1"
  ports      = ["bond0"]
  vlan_aware = true
  vlan_ids   = "10 20 30-40"
  comment    = "guests"
}
