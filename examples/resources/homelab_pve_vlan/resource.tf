resource "homelab_pve_vlan" "storage" {
  node_name = "pve1"
  name      = "storage"
  vlan_id   = 30
  parent    = "bond0"
  ipv4_cidr = "10.30.0.11/24"
}

# The name alone can tell it too.
resource "homelab_pve_vlan" "management" {
  node_name = "pve1"
  name      = "vmbr0.10"
  ipv4_cidr = "10.10.0.11/24"
}
