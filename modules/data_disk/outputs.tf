output "id" {
  description = "ID of the disk, for `data_disks` of a machine. It stays the same wherever the disk goes."
  value       = homelab_pve_data_disk.this.id
}

output "pool_name" {
  description = "Pool of the disk while it is parked: that of its tier."
  value       = homelab_pve_data_disk.this.pool_name
}

output "serial" {
  description = "Serial number, by which a guest finds the disk: `/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_<serial>` in a `scsi` slot."
  value       = homelab_pve_data_disk.this.serial
}

output "volume_id" {
  description = "ID of the volume. It changes when the disk moves."
  value       = homelab_pve_data_disk.this.volume_id
}
