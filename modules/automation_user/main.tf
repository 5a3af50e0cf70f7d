# A user for automation with a role of its own, an API token, and the entries of the access control list that a token
# with privilege separation needs: one for the user and one for each token, on every path.

locals {
  user_id = "${var.username}@${var.realm}"

  # Two tokens exist with `rotation_id`: the one in use and the spare one. Both get every entry, so that the spare one
  # works from the moment it is taken into use.
  tokens = merge(
    { first = "${local.user_id}!${var.token_name}" },
    var.rotation_id == null ? {} : { second = "${local.user_id}!${var.token_name}-2" },
  )

  token_acls = merge([
    for path, acl in var.acls : {
      for key, token_id in local.tokens : "${key}:${path}" => merge(acl, { path = path, token_id = token_id })
    }
  ]...)
}

resource "homelab_pve_role" "this" {
  name       = coalesce(var.role_name, var.username)
  privileges = var.privileges
}

resource "homelab_pve_user" "this" {
  user_id    = local.user_id
  comment    = var.comment
  expires_at = var.expires_at
}

resource "homelab_pve_token" "this" {
  user_id     = homelab_pve_user.this.user_id
  name        = var.token_name
  comment     = var.comment
  expires_at  = var.expires_at
  rotation_id = var.rotation_id

  lifecycle {
    postcondition {
      condition     = var.rotation_id != null || self.token_id == local.tokens.first
      error_message = "The token in use is the spare one, ${self.token_id}, which may do nothing without `rotation_id`. Change `rotation_id` once more, hand out the new secret, and then leave it out."
    }
  }
}

resource "homelab_pve_acl" "user" {
  for_each = var.acls

  path      = each.key
  user_id   = homelab_pve_user.this.user_id
  role      = coalesce(each.value.role, homelab_pve_role.this.name)
  propagate = each.value.propagate
}

resource "homelab_pve_acl" "token" {
  for_each = local.token_acls

  path      = each.value.path
  token_id  = each.value.token_id
  role      = coalesce(each.value.role, homelab_pve_role.this.name)
  propagate = each.value.propagate

  # The names are known before the tokens exist; the entries need them to.
  depends_on = [homelab_pve_token.this]
}
