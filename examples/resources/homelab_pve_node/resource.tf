resource "homelab_pve_node" "pve1" {
  name        = "pve1"
  description = "in the cupboard, off at night"
  wake_on_lan = { mac_address = "BC:24:11:00:00:09" }
  dns = {
    search_domain = "home.example"
    servers       = ["192.0.2.1", "9.9.9.9"]
  }
  time_zone = "Europe/Berlin"
}
