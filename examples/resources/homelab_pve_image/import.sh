tofu import homelab_pve_image.debian pve1/local:import/debian-13-genericcloud-amd64.qcow2
