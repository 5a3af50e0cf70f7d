variable "tiers" {
  description = "The tiers by number, `0` to `4`. What an entry leaves out has the default of its number: see the resource `homelab_backup_tier`. Tier 0 is never backed up and takes no setting but a name."
  type = map(object({
    # Name of the tier.
    name = optional(string)
    # When backups start, as a calendar event of Proxmox VE, such as `mon..fri 19:30 UTC`.
    schedule = optional(string)
    # How long every backup stays, in days.
    retention_days = optional(number)
    # How much of the latest work a restore may lose, in hours, and how much later than planned a backup may be done.
    rpo_hours       = optional(number)
    rpo_grace_hours = optional(number)
    # How long a restore may take, in hours.
    rto_hours = optional(number)
    # Whether backups are verified.
    verified = optional(bool)
    # Which backups are kept, instead of the smallest values that hold `retention_days`.
    prune_backups = optional(object({
      keep_all     = optional(bool)
      keep_last    = optional(number)
      keep_hourly  = optional(number)
      keep_daily   = optional(number)
      keep_weekly  = optional(number)
      keep_monthly = optional(number)
      keep_yearly  = optional(number)
    }))
    # Storage of this tier's backups, instead of `storage_name`.
    storage_name = optional(string)
    # How much later than the schedule says the job starts, in minutes.
    start_delay_minutes = optional(number)
  }))
  default  = { "0" = {}, "1" = {}, "2" = {}, "3" = {}, "4" = {} }
  nullable = false

  validation {
    condition     = length(var.tiers) > 0 && alltrue([for number in keys(var.tiers) : contains(["0", "1", "2", "3", "4"], number)])
    error_message = "Each key has to be the number of a tier, \"0\" to \"4\"; its name goes into `name`."
  }

  validation {
    condition     = length(distinct([for tier in var.tiers : tier.name if tier.name != null])) == length([for tier in var.tiers : tier.name if tier.name != null])
    error_message = "Two tiers have the same name. Give each its own, because the outputs are found by name."
  }

  validation {
    condition     = try(var.tiers["0"].storage_name, null) == null && try(var.tiers["0"].start_delay_minutes, null) == null
    error_message = "Tier 0 is never backed up, so it has neither a storage nor a start. Use tier 1 to 4 for data that is."
  }
}

variable "storage_name" {
  description = "Storage of the backups. Without it, tiers that name none of their own have pools but no jobs, so that nothing backs them up yet."
  type        = string
  default     = null
}

variable "jobs" {
  description = "How the jobs work; what is left out has the default of the resource `homelab_backup_schedule`."
  type = object({
    # Limit of the bandwidth in KiB per second; 0 is none.
    bandwidth_limit_kib_per_second = optional(number)
    # `0`, `1`, `gzip`, `lzo` or `zstd`. A backup server compresses in its own way.
    compression = optional(string)
    # Whether the jobs run at all.
    enabled = optional(bool)
    # A copy of what the guest changes during its backup, on a storage near it.
    fleecing = optional(object({
      enabled      = bool
      storage_name = optional(string)
    }))
    # `snapshot`, `suspend` or `stop`.
    mode = optional(string)
    # Notes of each backup, one line, such as `{{guestname}} on {{node}}`.
    notes_template = optional(string)
    # Whether the jobs prune. `false` where a prune job of a backup server does.
    prune = optional(bool)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.jobs.mode == null ? true : contains(["snapshot", "suspend", "stop"], var.jobs.mode)
    error_message = "The mode has to be `snapshot` (while the guest runs), `suspend` or `stop`."
  }

  validation {
    condition     = var.jobs.compression == null ? true : contains(["0", "1", "gzip", "lzo", "zstd"], var.jobs.compression)
    error_message = "The compression has to be `0`, `1`, `gzip`, `lzo` or `zstd`."
  }
}
