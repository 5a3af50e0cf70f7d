# A data disk is imported by its ID,
tofu import homelab_pve_data_disk.postgres 901-3f9a0c1b2d4e

# or by node, machine and slot where its volume is now. This also takes over a volume that a machine which never runs
# owns while another one uses it: the next apply makes the first a proper holder, without touching a byte.
tofu import homelab_pve_data_disk.postgres pve1/102/scsi1
