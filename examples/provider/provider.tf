terraform {
  required_providers {
    homelab = {
      source = "local/homelab"
    }
  }
}

# The API token comes from the environment: HOMELAB_PVE_API_TOKEN=terraform@pve!homelab=…
provider "homelab" {
  pve = {
    endpoint = "https://pve1.example:8006"
    ca_file  = "pve-root-ca.pem"
  }
}
