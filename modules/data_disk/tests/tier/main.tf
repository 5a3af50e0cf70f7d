# The pool that a disk of tier 2 needs.

terraform {
  required_providers {
    homelab = {
      source = "local/homelab"
    }
  }
}

resource "homelab_backup_tier" "standard" {
  number = 2
}
