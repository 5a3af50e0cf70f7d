tofu import homelab_pve_storage.backup backup
