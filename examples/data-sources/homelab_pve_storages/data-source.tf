data "homelab_pve_storages" "this" {
  content = "iso"
}

output "storages" {
  value = keys(data.homelab_pve_storages.this.storages)
}
