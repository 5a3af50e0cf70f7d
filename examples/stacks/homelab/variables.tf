variable "api_token" {
  description = "API token of Proxmox VE, as `user@realm!name=secret`."
  type        = string
  nullable    = false
  sensitive   = true
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

variable "storage" {
  description = "Storage that holds the disks of the VMs."
  type        = string
  default     = "local"
  nullable    = false
}
