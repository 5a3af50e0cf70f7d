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

# A tool that speaks to the same API; neither plan nor state hold the ticket.
resource "terraform_data" "inventory" {
  provisioner "local-exec" {
    command = "curl --fail --cookie \"PVEAuthCookie=$TICKET\" https://pve1.example:8006/api2/json/nodes"

    environment = {
      TICKET = ephemeral.homelab_pve_ticket.root.ticket
    }
  }
}
