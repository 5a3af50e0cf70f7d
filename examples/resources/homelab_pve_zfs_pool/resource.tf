resource "homelab_pve_zfs_pool" "tank" {
  node_name  = "pve1"
  name       = "tank"
  raid_level = "mirror"
  devices    = ["/dev/disk/by-id/ata-disk-a", "/dev/disk/by-id/ata-disk-b"]
}

resource "homelab_pve_storage" "tank" {
  name    = "tank"
  nodes   = [homelab_pve_zfs_pool.tank.node_name]
  zfspool = { pool = homelab_pve_zfs_pool.tank.name }
}
