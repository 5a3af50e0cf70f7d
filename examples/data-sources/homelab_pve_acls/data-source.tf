data "homelab_pve_acls" "this" {
  path = "/"
}

output "acls" {
  value = data.homelab_pve_acls.this.acls[*].role
}
