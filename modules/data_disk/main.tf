# A disk with a life of its own, and where a guest finds it.

resource "homelab_pve_data_disk" "this" {
  name                = var.name
  node_name           = var.node_name
  storage_name        = var.storage_name
  size_gib            = var.size_gib
  backup_tier         = var.backup_tier
  deletion_protection = var.deletion_protection
  ownership           = var.ownership
  tags                = var.tags
}
