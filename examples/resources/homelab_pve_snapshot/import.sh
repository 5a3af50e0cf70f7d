tofu import homelab_pve_snapshot.before_upgrade 100/before-upgrade
