tofu import homelab_pve_group.ops ops
