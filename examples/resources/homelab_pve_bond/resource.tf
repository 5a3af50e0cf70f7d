resource "homelab_pve_bond" "uplink" {
  node_name            = "pve1"
  name                 = "bond0"
  interfaces           = ["eno2", "eno3"]
  mode                 = "802.3ad"
  transmit_hash_policy = "layer3+4"
}
