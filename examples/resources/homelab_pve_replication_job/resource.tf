resource "homelab_pve_replication_job" "dns" {
  job_id             = "105-0"
  target_node_name   = "pve2"
  schedule           = "*/15"
  rate_mb_per_second = 50
}
