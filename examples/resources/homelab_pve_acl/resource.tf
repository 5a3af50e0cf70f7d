resource "homelab_pve_acl" "ops" {
  path  = "/vms"
  role  = "PVEVMUser"
  group = "ops"
}
