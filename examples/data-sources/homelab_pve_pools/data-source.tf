data "homelab_pve_pools" "this" {}

output "machines_without_backup" {
  value = data.homelab_pve_pools.this.pools["tier-0"].vm_ids
}
