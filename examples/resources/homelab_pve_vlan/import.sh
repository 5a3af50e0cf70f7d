tofu import homelab_pve_vlan.storage pve1/storage
