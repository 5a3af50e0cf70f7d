data "homelab_pve_vm" "by_name" {
  name = "debian-template"
}

data "homelab_pve_vm" "by_number" {
  vm_id = data.homelab_pve_vm.by_name.vm_id
}
