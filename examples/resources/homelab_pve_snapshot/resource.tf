resource "homelab_pve_snapshot" "before_upgrade" {
  vm_id       = 105
  name        = "before-upgrade"
  description = "before the upgrade to trixie"
}
