tofu import homelab_pve_ha_resource.dns vm:100
