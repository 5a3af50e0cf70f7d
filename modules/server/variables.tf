variable "name" {
  description = "Name of the machine, and its host name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.name))
    error_message = "The name has to be 1 to 63 lower-case letters, digits or `-`, without `-` at its ends."
  }
}

variable "node_names" {
  description = "Nodes on which the machine may be, the preferred one first. It is made on the first that is up, and stays where it is as long as that is one of them."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.node_names) > 0 && length(distinct(var.node_names)) == length(var.node_names)
    error_message = "Name at least one node, and none twice."
  }
}

variable "disk" {
  description = "The disk of the system. It can grow, and never shrinks."
  type = object({
    # Storage of the disk.
    storage_name = string
    # Size in GiB.
    size_gib = number
    # Whether backups include it. By default they do, unless the machine has data disks.
    backup = optional(bool)
  })
  nullable = false

  validation {
    condition     = var.disk.size_gib >= 1 && floor(var.disk.size_gib) == var.disk.size_gib
    error_message = "The size has to be a whole number of GiB, 1 or more."
  }
}

variable "image" {
  description = "Cloud image that the disk is made from, as a volume with the content `import`, such as the output `volume_id` of the module `image`. Give either this or `clone`."
  type        = string
  default     = null
}

variable "clone" {
  description = "Template to clone: by ID, name or tag. Give either this or `image`."
  type = object({
    vm_id         = optional(number)
    template_name = optional(string)
    template_tag  = optional(string)
    # Whether the disks are copied.
    full = optional(bool)
  })
  default = null

  validation {
    condition     = var.clone == null ? true : length([for by in [var.clone.vm_id, var.clone.template_name, var.clone.template_tag] : true if by != null]) == 1
    error_message = "Name the template in one way: `vm_id`, `template_name` or `template_tag`."
  }
}

variable "cpu" {
  description = "Processors."
  type = object({
    # Cores.
    cores = optional(number, 2)
    # Model that the guest sees; `host` is the fastest, but ties the machine to nodes of one kind.
    type = optional(string, "x86-64-v2-AES")
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.cpu.cores >= 1 && floor(var.cpu.cores) == var.cpu.cores
    error_message = "The number of cores has to be a whole number, 1 or more."
  }
}

variable "memory_mib" {
  description = "Memory in MiB."
  type        = number
  default     = 2048
  nullable    = false

  validation {
    condition     = var.memory_mib >= 256 && floor(var.memory_mib) == var.memory_mib
    error_message = "The memory has to be a whole number of MiB, 256 or more: with less, no cloud image starts."
  }
}

variable "memory_minimum_mib" {
  description = "Least memory in MiB that the node may leave to the guest when it runs short; all of it if null."
  type        = number
  default     = null

  validation {
    condition     = var.memory_minimum_mib == null ? true : var.memory_minimum_mib >= 16 && floor(var.memory_minimum_mib) == var.memory_minimum_mib
    error_message = "The least memory has to be a whole number of MiB, 16 or more."
  }
}

variable "networks" {
  description = "Network devices by slot, such as `net0`."
  type = map(object({
    # Bridge of the node.
    bridge = optional(string, "vmbr0")
    # VLAN, from 1 to 4094.
    vlan_id = optional(number)
    # Hardware address. By default it is chosen by Proxmox VE, and made of name and addresses where there is an `address`.
    mac_address = optional(string)
    # Whether the firewall of Proxmox VE watches the device.
    firewall = optional(bool)
    # IPv4 address with the length of its network, such as `192.0.2.10/24`; by DHCP if not given.
    address = optional(string)
    # IPv4 gateway.
    gateway = optional(string)
  }))
  default  = { net0 = {} }
  nullable = false

  validation {
    condition     = alltrue([for slot in keys(var.networks) : can(regex("^net([0-9]|[12][0-9]|3[01])$", slot))])
    error_message = "Each key has to be a slot, `net0` to `net31`."
  }

  validation {
    condition     = alltrue([for network in var.networks : network.address == null ? true : can(cidrhost(network.address, 0)) && !strcontains(network.address, ":")])
    error_message = "An address has to be IPv4 with the length of its network, such as `192.0.2.10/24`."
  }

  validation {
    condition     = alltrue([for network in var.networks : network.gateway == null ? true : try(cidrhost(network.address, 0) == cidrhost("${network.gateway}/${split("/", network.address)[1]}", 0), false)])
    error_message = "A gateway has to be an IPv4 address in the network of the `address` beside it; DHCP brings its own."
  }

  validation {
    condition     = alltrue([for network in var.networks : network.vlan_id == null ? true : network.vlan_id >= 1 && network.vlan_id <= 4094 && floor(network.vlan_id) == network.vlan_id])
    error_message = "A VLAN has to be a whole number from 1 to 4094."
  }

  validation {
    condition     = alltrue([for network in var.networks : network.mac_address == null ? true : can(regex("^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$", network.mac_address))])
    error_message = "A hardware address has to be that of one device, such as `BC:24:11:00:00:01`."
  }
}

variable "name_servers" {
  description = "Addresses of name servers. Networks with an `address` need them, DHCP brings its own."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for server in var.name_servers : can(cidrhost("${server}/32", 0))])
    error_message = "A name server has to be an IP address, such as `192.0.2.1`."
  }
}

variable "data_disks" {
  description = "Data disks by slot: `scsi1` to `scsi30` or `virtio0` to `virtio15`. They stay when the machine goes."
  type = map(object({
    # The disk: the module `data_disk` as a whole.
    disk = object({
      id     = string
      serial = string
    })
    # Where it is mounted; a disk without a file system gets one first. Not mounted if not given.
    mount_point = optional(string)
    # File system of a new disk: `ext4`, or `xfs` if the image has `mkfs.xfs`, as packages come later.
    file_system = optional(string, "ext4")
    # Further options of the mount, such as `noatime`.
    mount_options = optional(list(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for slot in keys(var.data_disks) : can(regex("^(scsi([1-9]|[12][0-9]|30)|virtio([0-9]|1[0-5]))$", slot))])
    error_message = "Each key has to be a slot, `scsi1` to `scsi30` or `virtio0` to `virtio15`; the system is on `scsi0`."
  }

  validation {
    condition     = alltrue([for entry in var.data_disks : entry.mount_point == null ? true : can(regex("^/[^ ,]+$", entry.mount_point))])
    error_message = "A mount point has to be an absolute path without blanks and commas, such as `/var/lib/postgresql`."
  }

  validation {
    condition     = alltrue([for entry in var.data_disks : entry.mount_point == null ? true : can(regex("^[A-Za-z0-9_-]{1,20}$", entry.disk.serial))])
    error_message = "A disk is mounted by its serial number, which then has to be 1 to 20 letters, digits, `-` and `_`: udev and cloud-init read other characters otherwise. Take `mount_point` out, and mount the disk yourself."
  }

  validation {
    condition     = length(distinct([for entry in var.data_disks : entry.mount_point if entry.mount_point != null])) == length([for entry in var.data_disks : entry if entry.mount_point != null])
    error_message = "Two disks have the same mount point, and one would hide the other."
  }

  validation {
    condition     = alltrue([for entry in var.data_disks : contains(["ext4", "xfs"], entry.file_system)])
    error_message = "The file system has to be `ext4` or `xfs`, which grow while they are mounted."
  }
}

variable "pci_devices" {
  description = "PCI devices by slot, such as `hostpci0`."
  type = map(object({
    # Name of a PCI mapping, such as one of the outputs `pci_mapping_names` of the module `cluster_config`.
    mapping_name = string
    # Whether the guest sees a PCI Express device; needs `machine = "q35"`.
    pcie = optional(bool)
    # Whether it is the main graphics card.
    primary_gpu = optional(bool)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for slot in keys(var.pci_devices) : can(regex("^hostpci([0-9]|1[0-5])$", slot))])
    error_message = "Each key has to be a slot, `hostpci0` to `hostpci15`."
  }
}

variable "machine" {
  description = "Chipset, such as `q35`; Proxmox VE's default is `pc`."
  type        = string
  default     = null
}

variable "bios" {
  description = "Firmware: `seabios`, which is Proxmox VE's default, or `ovmf` for EFI, whose variables then lie on the storage of `disk`."
  type        = string
  default     = null

  validation {
    condition     = var.bios == null ? true : contains(["seabios", "ovmf"], var.bios)
    error_message = "The firmware has to be `seabios` or `ovmf`."
  }
}

variable "vm_id" {
  description = "ID of the machine; the lowest free one if null. Another ID replaces the machine."
  type        = number
  default     = null

  validation {
    condition     = var.vm_id == null ? true : var.vm_id >= 100 && var.vm_id <= 999999999 && floor(var.vm_id) == var.vm_id
    error_message = "The ID has to be a whole number from 100 to 999999999."
  }
}

variable "description" {
  description = "Text shown in the web interface, as Markdown."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the machine."
  type        = set(string)
  default     = null

  validation {
    condition     = var.tags == null ? true : alltrue([for tag in var.tags : can(regex("^[A-Za-z0-9_][A-Za-z0-9_+.-]*$", tag))])
    error_message = "Each tag has to be made of letters, digits, `_`, `-`, `+` and `.`, and to begin with a letter, digit or `_`."
  }
}

variable "pool_name" {
  description = "Pool of the machine. If null, a machine with data disks is in that of their strictest backup tier, and others in none."
  type        = string
  default     = null
}

variable "protection" {
  description = "Whether the machine cannot be deleted."
  type        = bool
  default     = null
}

variable "started" {
  description = "Whether the machine runs; it does if null."
  type        = bool
  default     = null
}

variable "start_on_boot" {
  description = "Whether the machine starts with its node."
  type        = bool
  default     = true
  nullable    = false
}
