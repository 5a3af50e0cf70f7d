resource "homelab_pve_token" "ci" {
  user_id     = "ci@pve"
  name        = "deploy"
  rotation_id = "2026-11"
}

# A token with privilege separation needs entries of its own, beside those of its user.
resource "homelab_pve_acl" "ci" {
  for_each = homelab_pve_token.ci.token_ids
  path     = "/vms"
  role     = "PVEVMAdmin"
  token_id = each.value
}
