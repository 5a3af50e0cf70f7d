# A pool, a template from a cloud image, and three VMs cloned from it on two nodes.

provider "homelab" {
  pve = {
    endpoint  = var.endpoint
    api_token = var.api_token
    ca_file   = var.ca_file
  }
}

locals {
  servers = {
    web-1 = { node_name = "pve1", address = "192.0.2.11/24" }
    web-2 = { node_name = "pve2", address = "192.0.2.12/24" }
    db-1  = { node_name = "pve1", address = "192.0.2.21/24" }
  }
}

resource "homelab_pve_pool" "homelab" {
  name    = "homelab"
  comment = "Everything of the homelab stack"
}

resource "homelab_pve_vm" "template" {
  node_name     = "pve1"
  name          = "debian-template"
  description   = "Debian, for the servers of the homelab stack"
  pool_name     = homelab_pve_pool.homelab.name
  template      = true
  os_type       = "l26"
  scsi_hardware = "virtio-scsi-single"

  cpu    = { cores = 2 }
  memory = { size_mib = 1024 }
  agent  = { enabled = true }

  disks = {
    scsi0 = { storage_name = var.storage_name, import_from = var.image, size_gib = 4, discard = true }
  }

  networks = {
    net0 = { bridge = var.bridge }
  }
}

resource "homelab_pve_vm" "server" {
  for_each = local.servers

  node_name     = each.value.node_name
  name          = each.key
  tags          = ["homelab", split("-", each.key)[0]]
  pool_name     = homelab_pve_pool.homelab.name
  start_on_boot = true

  clone = { vm_id = homelab_pve_vm.template.vm_id }

  disks = {
    scsi0 = { size_gib = 8 }
  }

  cloud_init = {
    user         = "admin"
    ssh_keys     = var.ssh_keys
    name_servers = [var.gateway]
    ip_configs = {
      ipconfig0 = { ipv4_address = each.value.address, ipv4_gateway = var.gateway }
    }
  }
}
