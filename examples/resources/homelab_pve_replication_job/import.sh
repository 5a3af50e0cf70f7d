tofu import homelab_pve_replication_job.dns 100-0
