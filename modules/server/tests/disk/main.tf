# A data disk for the server, in its tier.

terraform {
  required_providers {
    homelab = {
      source = "local/homelab"
    }
  }
}

resource "homelab_backup_tier" "dev" {
  number = 3
}

resource "homelab_pve_data_disk" "this" {
  name                = "test-server"
  node_name           = "pve1"
  storage_name        = "local-lvm"
  size_gib            = 1
  backup_tier         = homelab_backup_tier.dev.number
  deletion_protection = false
}

output "disk" {
  description = "The disk."
  value       = { id = homelab_pve_data_disk.this.id, serial = homelab_pve_data_disk.this.serial }
}
