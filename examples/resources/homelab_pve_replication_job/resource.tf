resource "homelab_pve_replication_job" "dns" {
  job_id             = "${homelab_pve_vm.dns.vm_id}-0"
  target_node_name   = "pve2"
  schedule           = "*/15"
  rate_mb_per_second = 50
}
