# One image on a storage of each node that needs it: the same file everywhere, so that it has one name.

resource "homelab_pve_image" "this" {
  for_each = var.node_names

  node_name    = each.key
  storage_name = var.storage_name
  content      = var.content

  url                = var.url
  source_file        = var.source_file
  checksum           = var.checksum
  allow_unverified   = var.allow_unverified
  compression        = var.compression
  file_name          = var.file_name
  verify_certificate = var.verify_certificate
}
