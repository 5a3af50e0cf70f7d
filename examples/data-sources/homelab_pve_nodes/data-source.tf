data "homelab_pve_nodes" "this" {}

output "online_nodes" {
  description = "Names of the nodes that are up."
  value       = [for name, node in data.homelab_pve_nodes.this.nodes : name if node.online]
}
