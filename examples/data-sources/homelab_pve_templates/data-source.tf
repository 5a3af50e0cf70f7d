data "homelab_pve_templates" "debian" {
  name_pattern = "debian-13-*"
  tags         = ["golden"]
}

resource "homelab_pve_vm" "web" {
  node_name = "pve1"
  name      = "web"
  clone     = { vm_id = data.homelab_pve_templates.debian.newest.vm_id }
}
