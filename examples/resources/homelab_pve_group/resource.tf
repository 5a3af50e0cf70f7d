resource "homelab_pve_group" "ops" {
  name    = "ops"
  comment = "people who run the lab"
}
