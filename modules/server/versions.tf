terraform {
  required_version = ">= 1.6"

  required_providers {
    homelab = {
      source  = "local/homelab"
      version = ">= 0.1"
    }
  }
}
