variable "password" {
  description = "Password of root@pam."
  type        = string
  ephemeral   = true
  sensitive   = true
}

ephemeral "homelab_pve_ticket" "root" {
  username = "root@pam"
  password = var.password
}

# The headers with which another provider of the same run speaks to this API; neither plan nor state hold them.
locals {
  headers = {
    Cookie              = "PVEAuthCookie=${ephemeral.homelab_pve_ticket.root.ticket}"
    CSRFPreventionToken = ephemeral.homelab_pve_ticket.root.csrf_token
  }
}
