tofu import homelab_pve_acl.ops '/vms,PVEVMUser,@ops'
