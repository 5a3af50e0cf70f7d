tofu import homelab_backup_tier.critical 1
