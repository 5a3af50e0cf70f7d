tofu import homelab_pve_ha_rule.apart dns-apart
