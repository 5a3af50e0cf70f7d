tofu import homelab_pve_user.anna anna@pve
