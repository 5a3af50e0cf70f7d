# Everything but the number has a default.
resource "homelab_backup_tier" "critical" {
  number = 1
}

resource "homelab_backup_tier" "office" {
  number         = 2
  name           = "office"
  schedule       = "mon..fri 19:30 UTC"
  retention_days = 90
  rpo_hours      = 72
}
