resource "homelab_pve_ha_resource" "dns" {
  service_id      = "vm:${homelab_pve_vm.dns.vm_id}"
  max_relocations = 2
}
