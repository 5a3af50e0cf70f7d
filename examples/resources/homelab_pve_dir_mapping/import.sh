tofu import homelab_pve_dir_mapping.media media
