resource "homelab_pve_cluster_options" "this" {
  keyboard = "de"
  language = "en"
  next_id  = { lower = 1000, upper = 2000 }
  migration = {
    type    = "secure"
    network = "10.10.0.0/24"
  }
  tag_style = { colors = { prod = "ff0000" } }
}
