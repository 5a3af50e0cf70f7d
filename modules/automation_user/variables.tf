variable "username" {
  description = "Name of the user, without the realm, such as `kubernetes-csi`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$", var.username))
    error_message = "The name has to be 1 to 40 letters, digits, `.`, `_` or `-`, and to begin with a letter or digit. Leave the realm out: it has a variable of its own."
  }
}

variable "privileges" {
  description = "Privileges of the user's role, such as `VM.Audit`. The plan checks that the connected Proxmox VE knows them."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.privileges) > 0 && alltrue([for name in var.privileges : can(regex("^[A-Z][A-Za-z]*([.][A-Z][A-Za-z]*)+$", name))])
    error_message = "Name at least one privilege, each with its group, such as `VM.Audit` or `Datastore.AllocateSpace`."
  }
}

variable "acls" {
  description = "Where the privileges hold, by path, such as `/` or `/pool/tier-1`. An entry can grant another role than the user's own."
  type = map(object({
    # Role to grant; the user's own role if not given.
    role = optional(string)
    # Whether the role holds below the path too.
    propagate = optional(bool, true)
  }))
  default  = { "/" = {} }
  nullable = false

  validation {
    condition     = length(var.acls) > 0 && alltrue([for path in keys(var.acls) : can(regex("^/$|^(/[^/]+)+$", path))])
    error_message = "Name at least one path. Each begins with `/` and does not end with one, such as `/vms` or `/storage/local`."
  }
}

variable "realm" {
  description = "Realm of the user. Users of `pve` exist in Proxmox VE only, and without a password this one can log in with its token only."
  type        = string
  default     = "pve"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9._-]+$", var.realm))
    error_message = "The realm has to be the name of one that Proxmox VE has, such as `pve`."
  }
}

variable "role_name" {
  description = "Name of the role; that of the user if null."
  type        = string
  default     = null

  validation {
    condition     = var.role_name == null ? true : can(regex("^[A-Za-z0-9._-]+$", var.role_name)) && !startswith(var.role_name, "PVE")
    error_message = "The name has to be letters, digits, `.`, `_` or `-`, and not to begin with `PVE`: such names are kept for Proxmox VE."
  }
}

variable "comment" {
  description = "Text shown beside the user and the token in the web interface."
  type        = string
  default     = "Automation, managed by the homelab provider"
  nullable    = false
}

variable "expires_at" {
  description = "When the user and the token end, as RFC 3339, such as `2030-01-01T00:00:00Z`; never if null."
  type        = string
  default     = null

  validation {
    condition     = var.expires_at == null ? true : can(formatdate("YYYY", var.expires_at))
    error_message = "The time has to be RFC 3339, such as `2030-01-01T00:00:00Z`."
  }
}

variable "token_name" {
  description = "Name of the token among those of the user."
  type        = string
  default     = "homelab"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9._-]+$", var.token_name))
    error_message = "The name has to be a letter and then letters, digits, `.`, `_` or `-`."
  }
}

variable "rotation_id" {
  description = "Any text, such as `2026-11`; a change gives a new secret, while the one before stays valid until the next change. Without it there is no spare token."
  type        = string
  default     = null
}
