variable "image" {
  description = "Cloud image of Debian, and the checksum that Debian tells, such as `sha512:` and its digits."
  type        = object({ url = string, checksum = string })
}

variable "nodes" {
  description = "Nodes by what they are for; one node can be all of them."
  type        = object({ main = string, gpu = string, backup = string })
  default     = { main = "pve1", gpu = "pve2", backup = "pve3" }
}

variable "storages" {
  description = "Storages of the disks, of the image (content `import`), and of the backups."
  type        = object({ disks = string, images = string, backups = string })
  default     = { disks = "local-lvm", images = "local", backups = "shared" }
}

variable "network" {
  description = "Network of the servers; the first address is that of the gateway and name server."
  type        = string
  default     = "192.0.2.0/24"
}

variable "gpu" {
  description = "Graphics card on its node, as `pvesh get /nodes/<node>/hardware/pci` tells it."
  type        = object({ path = string, device_id = string, subsystem_id = string, iommu_group = number })
  default     = { path = "0000:01:00", device_id = "10de:1c03", subsystem_id = "1043:85aa", iommu_group = 3 }
}

variable "ssh_keys" {
  description = "Public keys that may log in."
  type        = set(string)
  default     = []
}

variable "deletion_protection" {
  description = "Whether the data disks cannot be destroyed."
  type        = bool
  default     = true
}
