data "homelab_pve_tokens" "this" {
  user_id = "ci@pve"
}

output "tokens" {
  value = keys(data.homelab_pve_tokens.this.tokens)
}
