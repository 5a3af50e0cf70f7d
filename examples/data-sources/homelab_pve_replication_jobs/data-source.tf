data "homelab_pve_replication_jobs" "this" {}

output "jobs" {
  value = keys(data.homelab_pve_replication_jobs.this.jobs)
}
