tofu import homelab_pve_zfs_pool.tank pve1/tank
