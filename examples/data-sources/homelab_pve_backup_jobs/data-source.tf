data "homelab_pve_backup_jobs" "this" {}

output "jobs" {
  value = keys(data.homelab_pve_backup_jobs.this.jobs)
}
