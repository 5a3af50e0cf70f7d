data "homelab_pve_groups" "this" {}

output "groups" {
  value = keys(data.homelab_pve_groups.this.groups)
}
