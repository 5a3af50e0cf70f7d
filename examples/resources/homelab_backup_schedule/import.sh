tofu import homelab_backup_schedule.standard tier-2-backup
