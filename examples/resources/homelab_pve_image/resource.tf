variable "debian_sha512" {
  description = "Checksum of the image, from SHA512SUMS beside it."
  type        = string
}

# The node fetches a cloud image and keeps it only if it is the right one.
resource "homelab_pve_image" "debian" {
  node_name    = "pve1"
  storage_name = "local"
  content      = "import"
  url          = "https://cloud.debian.org/images/cloud/trixie/20250911-2232/debian-13-genericcloud-amd64.qcow2"
  checksum     = "sha512:${var.debian_sha512}"
}

# An image on this machine, decompressed on its way to the node.
resource "homelab_pve_image" "talos" {
  node_name    = "pve1"
  storage_name = "local"
  content      = "import"
  source_file  = "${path.module}/nocloud-amd64.raw.xz"
  compression  = "xz"
}

resource "homelab_pve_vm" "web" {
  node_name = "pve1"
  name      = "web"
  disks = {
    scsi0 = {
      storage_name = "local-lvm"
      size_gib     = 20
      import_from  = homelab_pve_image.debian.volume_id
    }
  }
}
