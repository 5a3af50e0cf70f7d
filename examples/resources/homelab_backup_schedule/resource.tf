resource "homelab_backup_tier" "standard" {
  number = 2
}

resource "homelab_backup_schedule" "standard" {
  tier         = homelab_backup_tier.standard
  storage_name = "backup"
}
