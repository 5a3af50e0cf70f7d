variable "options" {
  description = "Options of the whole cluster. Only those that are set here are managed; null manages none."
  type = object({
    # Limits of operations in KiB per second.
    bandwidth_limits = optional(object({
      clone_kib_per_second     = optional(number)
      default_kib_per_second   = optional(number)
      migration_kib_per_second = optional(number)
      move_kib_per_second      = optional(number)
      restore_kib_per_second   = optional(number)
    }))
    # `applet`, `vv`, `html5` or `xtermjs`.
    console = optional(string)
    # Notes of the cluster, as Markdown.
    description = optional(string)
    # Address that nodes send mail from.
    email_from = optional(string)
    # `freeze`, `failover`, `conditional` or `migrate`.
    ha = optional(object({ shutdown_policy = string }))
    # Proxy that nodes download through.
    http_proxy = optional(string)
    # Layout of consoles, such as `de`, and language of the web interface.
    keyboard = optional(string)
    language = optional(string)
    # First three bytes of new MAC addresses.
    mac_prefix = optional(string)
    # How many workers a node starts for jobs on many guests.
    max_workers = optional(number)
    # `secure` or `insecure`, and the network as a CIDR.
    migration = optional(object({
      type    = string
      network = optional(string)
    }))
    # IDs proposed for new guests: the lowest, and the first that is too high.
    next_id = optional(object({
      lower = optional(number)
      upper = optional(number)
    }))
    # Tags that only administrators may set.
    registered_tags = optional(set(string))
    # As `migration`; from Proxmox VE 9 on.
    replication = optional(object({
      type    = string
      network = optional(string)
    }))
    # `basic`, `static` or `dynamic`; whether guests move to a better node when they start.
    scheduling = optional(object({
      ha                    = optional(string)
      ha_rebalance_on_start = optional(bool)
    }))
    # Colours as `RRGGBB` by tag; `config` or `alphabetical`; `full`, `circle`, `dense` or `none`.
    tag_style = optional(object({
      case_sensitive = optional(bool)
      colors         = optional(map(string))
      ordering       = optional(string)
      shape          = optional(string)
    }))
    # `none`, `list`, `existing` or `free`, and the list.
    user_tag_access = optional(object({
      user_allow      = optional(string)
      user_allow_list = optional(set(string))
    }))
  })
  default = null
}

variable "bridges" {
  description = "Bridges by node and name, such as `{ pve1 = { vmbr1 = { ports = [\"eno2\"] } } }`. All changes of a node's network are applied at once, and taken back when that fails."
  type = map(map(object({
    # Whether the bridge is up after the start of the node.
    autostart = optional(bool)
    # One line of text.
    comment = optional(string)
    # Address of the node, with the length of its network, and its gateway.
    ipv4_cidr    = optional(string)
    ipv4_gateway = optional(string)
    ipv6_cidr    = optional(string)
    ipv6_gateway = optional(string)
    # Largest packet in bytes.
    mtu = optional(number)
    # Interfaces that belong to the bridge.
    ports = optional(set(string))
    # Whether the bridge knows VLANs, and which it lets through, such as `2-4094`.
    vlan_aware = optional(bool)
    vlan_ids   = optional(string)
  })))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue(flatten([for bridges in var.bridges : [for name in keys(bridges) : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,9}$", name))]]))
    error_message = "The name of a bridge has to be a letter and up to 9 letters, digits or `_`, such as `vmbr1`."
  }
}

variable "pci_mappings" {
  description = "Names for PCI devices of nodes, by name."
  type = map(object({
    # One line of text.
    description = optional(string)
    # Whether a running VM can be migrated with such a device.
    live_migration_capable = optional(bool)
    # Whether the devices make virtual ones.
    mediated_devices = optional(bool)
    # The devices; where a node has several, a VM gets the first that is free.
    devices = list(object({
      node_name = string
      # Where it is, such as `0000:01:00.0`, or `0000:01:00` for all its functions.
      path = string
      # Vendor and device, such as `10de:1c03`.
      device_id = string
      # Vendor and device of the card, where the device has them: a machine does not start without.
      subsystem_id = optional(string)
      # Number of the IOMMU group: a machine does not start without.
      iommu_group = number
      description = optional(string)
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for mapping in var.pci_mappings : length(mapping.devices) > 0])
    error_message = "Each PCI mapping needs a device in `devices`."
  }

  validation {
    condition     = alltrue(flatten([for mapping in var.pci_mappings : [for device in mapping.devices : can(regex("^[0-9a-f]{4}:[0-9a-f]{4}$", device.device_id))]]))
    error_message = "A `device_id` has to be vendor and device in lower-case hexadecimal digits, such as `10de:1c03`: `lspci -nn` on the node tells it."
  }
}

variable "usb_mappings" {
  description = "Names for USB devices of nodes, by name."
  type = map(object({
    # One line of text.
    description = optional(string)
    # The devices, at most one per node.
    devices = list(object({
      node_name = string
      # Vendor and device, such as `10c4:ea60`.
      device_id = string
      # Port that the device is plugged into, such as `1-2.3`; any if not given.
      port        = optional(string)
      description = optional(string)
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for mapping in var.usb_mappings : length(distinct(mapping.devices[*].node_name)) == length(mapping.devices) && length(mapping.devices) > 0])
    error_message = "Each USB mapping needs a device in `devices`, and not two of the same node."
  }
}

variable "dir_mappings" {
  description = "Names for directories of nodes, which VMs share through virtiofs, by name."
  type = map(object({
    # One line of text.
    description = optional(string)
    # The directories, one per node, each with an absolute path that exists.
    directories = list(object({
      node_name = string
      path      = string
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for mapping in var.dir_mappings : length(distinct(mapping.directories[*].node_name)) == length(mapping.directories) && length(mapping.directories) > 0])
    error_message = "Each directory mapping needs a directory in `directories`, and not two of the same node."
  }
}
