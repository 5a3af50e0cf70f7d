resource "homelab_pve_snapshot" "before_upgrade" {
  vm_id       = homelab_pve_vm.dns.vm_id
  name        = "before-upgrade"
  description = "before the upgrade to trixie"
}
