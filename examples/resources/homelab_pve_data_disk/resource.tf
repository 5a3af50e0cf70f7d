resource "homelab_pve_pool" "critical" {
  name    = "tier-1"
  comment = "Backed up daily"
}

# A disk that outlives the machine that uses it.
resource "homelab_pve_data_disk" "postgres" {
  name         = "postgres"
  node_name    = "pve1"
  storage_name = "local-lvm"
  size_gib     = 20
  backup_tier  = "critical"

  depends_on = [homelab_pve_pool.critical]
}

# Replacing or destroying this machine detaches the disk first. The guest finds it as
# /dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_<serial>.
resource "homelab_pve_vm" "postgres" {
  node_name     = "pve1"
  name          = "postgres"
  scsi_hardware = "virtio-scsi-single"

  disks = {
    scsi0 = { storage_name = "local-lvm", size_gib = 8 }
  }
  data_disks = {
    scsi1 = homelab_pve_data_disk.postgres.id
  }
}

output "postgres_disk" {
  value = "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_${homelab_pve_data_disk.postgres.serial}"
}
