tofu import homelab_pve_bridge.guests pve1/vmbr1
