output "job_ids" {
  description = "ID of each tier's backup job, by number; tiers without a job are not in it."
  value       = { for number, schedule in homelab_backup_schedule.this : number => schedule.job_id }
}

output "numbers" {
  description = "Number of each tier by its name, for `backup_tier` of a data disk: whoever uses it waits for the tier's pool."
  value       = { for number, tier in homelab_backup_tier.this : tier.name => tier.number }
}

output "pool_names" {
  description = "Pool of each tier, by number."
  value       = { for number, tier in homelab_backup_tier.this : number => tier.pool_name }
}

output "tiers" {
  description = "The tiers whole, by number, as `tier` of the resource `homelab_backup_schedule` takes one."
  value       = homelab_backup_tier.this
}
