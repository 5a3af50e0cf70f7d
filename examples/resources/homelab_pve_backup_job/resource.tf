resource "homelab_pve_backup_job" "nightly" {
  job_id         = "nightly"
  schedule       = "21:00 UTC"
  pool_name      = homelab_pve_pool.tier1.name
  storage_name   = homelab_pve_storage.backup.name
  mode           = "snapshot"
  repeat_missed  = true
  notes_template = "{{guestname}} on {{node}}"
  prune_backups = {
    keep_daily  = 30
    keep_weekly = 8
  }
  fleecing = {
    enabled      = true
    storage_name = "local-lvm"
  }
}
