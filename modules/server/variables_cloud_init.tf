variable "user" {
  description = "User that may log in and become root; the image's own, such as `debian`, if null."
  type        = string
  default     = null

  validation {
    condition     = var.user == null ? true : can(regex("^[a-z_][a-z0-9_-]{0,31}$", var.user))
    error_message = "The user has to be 1 to 32 lower-case letters, digits, `_` or `-`, and not to begin with a digit or `-`."
  }
}

variable "ssh_keys" {
  description = "Public keys that may log in as the user."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for key in var.ssh_keys : can(regex("^(.* )?(ssh-|ecdsa-|sk-)\\S+ AAAA[0-9A-Za-z+/]*=*(\\s|$)", key))])
    error_message = "A key has to be a line such as `ssh-ed25519 AAAA… me@example`, which is what a file with the ending `.pub` holds."
  }
}

variable "packages" {
  description = "Packages to install."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "files" {
  description = "Files to write, after the packages are there."
  type = list(object({
    # Absolute path.
    path    = string
    content = string
    # Octal, such as `0600`.
    permissions = optional(string, "0644")
    # User and group.
    owner = optional(string, "root:root")
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for file in var.files : can(regex("^/", file.path)) && can(regex("^[0-7]?[0-7]{3}$", file.permissions)) && can(regex("^[^ :]+(:[^ :]+)?$", file.owner))])
    error_message = "A file needs an absolute path, permissions of three or four octal digits, such as `0600`, and an owner such as `root:root`."
  }
}

variable "commands" {
  description = "Commands to run at the end of the first start, each as a list of words, such as `[\"systemctl\", \"restart\", \"nginx\"]`."
  type        = list(list(string))
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for command in var.commands : length(command) > 0])
    error_message = "A command needs a word at least, such as `[\"reboot\"]`."
  }
}

variable "agent" {
  description = "Whether the QEMU guest agent is installed and used: for a clean shutdown, consistent backups and the addresses in the web interface."
  type        = bool
  default     = true
  nullable    = false
}

variable "wait_seconds" {
  description = "How many seconds an apply that has started the machine waits for the agent to tell an IPv4 address, up to 3600; 0 does not wait."
  type        = number
  default     = 600
  nullable    = false

  validation {
    condition     = var.wait_seconds >= 0 && var.wait_seconds <= 3600 && floor(var.wait_seconds) == var.wait_seconds
    error_message = "The time has to be a whole number of seconds from 0 to 3600."
  }
}

variable "vendor_data" {
  description = "Vendor data for cloud-init: a cloud-config for what this module has no variable for. Settings of the module come before it."
  type        = string
  default     = null
}

variable "user_data" {
  description = "User data for cloud-init instead of what this module writes, for images that want something else."
  type        = string
  default     = null
}

variable "user_data_change" {
  description = "What a change of what cloud-init gets does: `reboot` sets the machine up again at a restart, `replace` replaces it (data disks stay), `ignore` does nothing."
  type        = string
  default     = "reboot"
  nullable    = false

  validation {
    condition     = contains(["reboot", "replace", "ignore"], var.user_data_change)
    error_message = "The change has to be `reboot`, `replace` or `ignore`."
  }
}

variable "iso_storage_name" {
  description = "Storage of the disc with what cloud-init gets; the first that takes the content `iso` if null."
  type        = string
  default     = null
}
