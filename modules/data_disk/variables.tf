variable "name" {
  description = "Name of the disk, such as `postgres`: that of the machine or of the data. The machine that holds the volume is called `disk-<name>`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$", var.name))
    error_message = "The name has to be 1 to 50 lower-case letters, digits or `-`, without `-` at its ends."
  }
}

variable "node_name" {
  description = "Node of the disk while it is parked. Attached, it is where its machine is."
  type        = string
  nullable    = false
}

variable "storage_name" {
  description = "Storage of the disk."
  type        = string
  nullable    = false
}

variable "size_gib" {
  description = "Size in GiB. It can grow, also while its machine runs, and never shrink."
  type        = number
  nullable    = false

  validation {
    condition     = var.size_gib >= 1 && var.size_gib <= 131072 && floor(var.size_gib) == var.size_gib
    error_message = "The size has to be a whole number of GiB from 1 to 131072."
  }
}

variable "backup_tier" {
  description = "Backup tier by number, `0` to `4`, by default name (`none`, `critical`, `standard`, `dev`, `cache`), or by the name of a `homelab_backup_tier`. Take it from the output `numbers` of the module `backup_tiers`, so that the tier's pool is there first."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([0-4]|[0-9A-Za-z_-]*[A-Za-z_-][0-9A-Za-z_-]*)$", var.backup_tier))
    error_message = "The tier has to be `0` to `4`, or the name of one, which is made of letters, digits, `-` and `_`."
  }
}

variable "deletion_protection" {
  description = "Whether the disk cannot be destroyed. Set it to `false` and apply before you destroy it."
  type        = bool
  default     = true
  nullable    = false
}

variable "ownership" {
  description = "Who owns the volume while it is attached. `holder`: nothing that happens to the machine can hurt it. `transfer`: the machine owns it, and can migrate or replicate with it on local storage."
  type        = string
  default     = "holder"
  nullable    = false

  validation {
    condition     = contains(["holder", "transfer"], var.ownership)
    error_message = "The ownership has to be `holder` or `transfer`."
  }
}

variable "tags" {
  description = "Tags of the machine that holds the volume, beside `data-disk`."
  type        = set(string)
  default     = null

  validation {
    condition     = var.tags == null ? true : alltrue([for tag in var.tags : can(regex("^[a-z0-9_][a-z0-9_+.-]*$", tag))])
    error_message = "Each tag has to be made of lower-case letters, digits, `_`, `-`, `+` and `.`, and to begin with a letter, digit or `_`."
  }
}
