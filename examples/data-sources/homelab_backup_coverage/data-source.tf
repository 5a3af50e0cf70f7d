check "backups" {
  data "homelab_backup_coverage" "all" {}

  assert {
    condition     = length(data.homelab_backup_coverage.all.uncovered_disks) == 0
    error_message = "No backup job covers ${join(", ", [for disk in data.homelab_backup_coverage.all.uncovered_disks : disk.volume_id])}."
  }
}
