data "homelab_pve_users" "this" {}

output "users" {
  value = keys(data.homelab_pve_users.this.users)
}
