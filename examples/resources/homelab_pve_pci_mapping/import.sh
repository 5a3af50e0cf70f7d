tofu import homelab_pve_pci_mapping.gpu gpu
