data "homelab_pve_roles" "this" {}

output "roles" {
  value = keys(data.homelab_pve_roles.this.roles)
}
