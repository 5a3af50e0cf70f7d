data "homelab_pve_snapshots" "this" {
  vm_id = 100
}

output "snapshots" {
  value = data.homelab_pve_snapshots.this.snapshots[*].name
}
