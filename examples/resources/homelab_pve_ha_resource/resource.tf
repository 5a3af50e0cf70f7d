resource "homelab_pve_ha_resource" "dns" {
  service_id      = "vm:105"
  max_relocations = 2
}
