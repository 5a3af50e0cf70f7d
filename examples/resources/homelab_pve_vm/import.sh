# By ID; the machine may be on any node.
tofu import homelab_pve_vm.web 101

# By node and ID, as Proxmox VE shows it.
tofu import homelab_pve_vm.web pve2/101
