resource "homelab_pve_acl" "ops" {
  path  = "/vms"
  role  = "PVEVMUser"
  group = homelab_pve_group.ops.name
}
