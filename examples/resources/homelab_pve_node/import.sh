tofu import homelab_pve_node.pve1 pve1
