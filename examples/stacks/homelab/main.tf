# A pool, a template, and three VMs cloned from it on two nodes.

provider "homelab" {
  pve = {
    endpoint  = var.endpoint
    api_token = var.api_token
    ca_file   = var.ca_file
  }
}

locals {
  vms = {
    web-1 = { node_name = "pve1" }
    web-2 = { node_name = "pve2" }
    db-1  = { node_name = "pve1" }
  }
}

resource "homelab_pve_pool" "homelab" {
  name    = "homelab"
  comment = "Everything of the homelab stack"
}

resource "homelab_pve_vm" "template" {
  node_name  = "pve1"
  name       = "debian-template"
  template   = true
  memory_mib = 1024

  disks = {
    scsi0 = { storage = var.storage, size_gib = 4 }
  }
}

resource "homelab_pve_vm" "server" {
  for_each = local.vms

  node_name  = each.value.node_name
  name       = each.key
  pool       = homelab_pve_pool.homelab.name
  memory_mib = 1024

  clone = {
    vm_id = homelab_pve_vm.template.vm_id
  }

  cloud_init = {
    user = "admin"
    ip_configs = {
      ipconfig0 = { ipv4 = "dhcp" }
    }
  }
}
