data "homelab_pve_zfs_pools" "this" {
  node_name = "pve1"
}

output "pools" {
  value = keys(data.homelab_pve_zfs_pools.this.pools)
}
