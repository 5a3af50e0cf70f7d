data "homelab_pve_dir_mappings" "this" {}

output "mappings" {
  value = keys(data.homelab_pve_dir_mappings.this.mappings)
}
