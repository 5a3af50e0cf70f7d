resource "homelab_pve_pool" "web" {
  name    = "web"
  comment = "Everything that serves the web"
}

# A pool inside another needs the outer one first.
resource "homelab_pve_pool" "staging" {
  name = "${homelab_pve_pool.web.name}/staging"
}
