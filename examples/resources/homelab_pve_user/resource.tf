resource "homelab_pve_user" "anna" {
  user_id             = "anna@pve"
  groups              = ["ops"]
  email               = "anna@example.com"
  expires_at          = "2030-01-01T00:00:00Z"
  password_wo         = var.anna_password
  password_wo_version = 1
}

variable "anna_password" {
  description = "First password of anna@pve."
  type        = string
  sensitive   = true
}
