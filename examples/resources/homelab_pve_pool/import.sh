# A pool is imported by its name.
tofu import homelab_pve_pool.web web
tofu import homelab_pve_pool.staging web/staging
