variable "api_token" {
  description = "API token of Proxmox VE, as `user@realm!name=secret`."
  type        = string
  nullable    = false
  sensitive   = true
}

variable "bridge" {
  description = "Bridge that the VMs are connected to."
  type        = string
  default     = "vmbr0"
  nullable    = false
}

variable "ca_file" {
  description = "File with the certificate authority of Proxmox VE; null trusts what the system trusts."
  type        = string
  default     = null
}

variable "endpoint" {
  description = "Address of Proxmox VE, for example https://pve.example:8006."
  type        = string
  nullable    = false
}

variable "gateway" {
  description = "Gateway and name server of the VMs."
  type        = string
  default     = "192.0.2.1"
  nullable    = false
}

variable "image" {
  description = "Cloud image that the template is made from, as a volume with the content `import`."
  type        = string
  default     = "shared:import/debian-13-genericcloud-amd64.qcow2"
  nullable    = false
}

variable "ssh_keys" {
  description = "Public keys that may log in as `admin`."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "storage_name" {
  description = "Storage of the template's disk. Every node must see it, because clones begin on other nodes."
  type        = string
  default     = "shared"
  nullable    = false
}
