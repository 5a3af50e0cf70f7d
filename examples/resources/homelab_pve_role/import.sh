tofu import homelab_pve_role.operator Operator
