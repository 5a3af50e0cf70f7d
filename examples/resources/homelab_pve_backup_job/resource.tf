resource "homelab_pve_backup_job" "nightly" {
  job_id         = "nightly"
  schedule       = "21:00 UTC"
  pool_name      = "tier1"
  storage_name   = "backup"
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
