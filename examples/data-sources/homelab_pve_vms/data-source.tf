data "homelab_pve_vms" "web" {
  name_pattern = "web-*"
  tags         = ["production"]
  template     = false
}

output "web_nodes" {
  description = "Node of each web server."
  value       = { for vm in data.homelab_pve_vms.web.vms : vm.name => vm.node_name }
}
