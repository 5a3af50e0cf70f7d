# Backup tiers with their pools, and the job of each tier that says where its backups go.

locals {
  storage_names = {
    for number, tier in var.tiers : number => try(coalesce(tier.storage_name, var.storage_name), null)
    if number != "0"
  }
  schedules = { for number, name in local.storage_names : number => name if name != null }
}

resource "homelab_backup_tier" "this" {
  for_each = var.tiers

  number          = tonumber(each.key)
  name            = each.value.name
  schedule        = each.value.schedule
  retention_days  = each.value.retention_days
  rpo_hours       = each.value.rpo_hours
  rpo_grace_hours = each.value.rpo_grace_hours
  rto_hours       = each.value.rto_hours
  verified        = each.value.verified
  prune_backups   = each.value.prune_backups
}

resource "homelab_backup_schedule" "this" {
  for_each = local.schedules

  tier         = homelab_backup_tier.this[each.key]
  storage_name = each.value

  bandwidth_limit_kib_per_second = var.jobs.bandwidth_limit_kib_per_second
  compression                    = var.jobs.compression
  enabled                        = var.jobs.enabled
  fleecing                       = var.jobs.fleecing
  mode                           = var.jobs.mode
  notes_template                 = var.jobs.notes_template
  prune                          = var.jobs.prune
  start_delay_minutes            = var.tiers[each.key].start_delay_minutes
}
