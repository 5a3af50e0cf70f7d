tofu import homelab_pve_bond.uplink pve1/bond0
