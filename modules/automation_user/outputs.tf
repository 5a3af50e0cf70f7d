output "api_token" {
  description = "Token and secret as one text, as the argument `api_token` of the homelab provider takes it. Null after an import."
  value       = homelab_pve_token.this.api_token
  sensitive   = true
}

output "role_name" {
  description = "Name of the role."
  value       = homelab_pve_role.this.name
}

output "token_id" {
  description = "The token in use, as `user@realm!name`."
  value       = homelab_pve_token.this.token_id
}

output "token_secret" {
  description = "Secret of the token in use. Null after an import."
  value       = homelab_pve_token.this.secret
  sensitive   = true
}

output "user_id" {
  description = "The user with the realm."
  value       = homelab_pve_user.this.user_id
}
