data "homelab_pve_network_interfaces" "this" {
  node_name = "pve1"
  type      = "bridge"
}

output "interfaces" {
  value = keys(data.homelab_pve_network_interfaces.this.interfaces)
}
