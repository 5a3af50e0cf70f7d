# What the module refuses, and what it plans, without any Proxmox VE.

mock_provider "homelab" {}

variables {
  username   = "csi"
  privileges = ["VM.Audit", "Datastore.Audit"]
}

run "the_role_is_granted_to_user_and_token_on_the_root" {
  command = plan

  assert {
    condition     = homelab_pve_acl.user["/"].role == "csi" && homelab_pve_acl.user["/"].user_id == "csi@pve"
    error_message = "The user gets its own role on /."
  }
  assert {
    condition     = homelab_pve_acl.token["first:/"].token_id == "csi@pve!homelab" && length(homelab_pve_acl.token) == 1
    error_message = "The token gets the role on / too."
  }
}

run "with_rotation_both_tokens_get_every_entry" {
  command = plan

  variables {
    rotation_id = "2026-11"
    acls        = { "/vms" = {}, "/storage/local" = { role = "PVEDatastoreUser", propagate = false } }
  }

  assert {
    condition     = toset(keys(homelab_pve_acl.token)) == toset(["first:/vms", "second:/vms", "first:/storage/local", "second:/storage/local"])
    error_message = "Two tokens and two paths are four entries."
  }
  assert {
    condition     = homelab_pve_acl.token["second:/storage/local"].role == "PVEDatastoreUser" && !homelab_pve_acl.token["second:/storage/local"].propagate
    error_message = "An entry can grant another role, on one path only."
  }
  assert {
    condition     = homelab_pve_acl.token["second:/vms"].token_id == "csi@pve!homelab-2"
    error_message = "The spare token has the name with -2."
  }
}

run "a_name_with_the_realm_is_refused" {
  command = plan
  variables { username = "csi@pve" }
  expect_failures = [var.username]
}

run "no_privilege_is_refused" {
  command = plan
  variables { privileges = [] }
  expect_failures = [var.privileges]
}

run "a_privilege_without_its_group_is_refused" {
  command = plan
  variables { privileges = ["Audit"] }
  expect_failures = [var.privileges]
}

run "a_path_with_a_slash_at_its_end_is_refused" {
  command = plan
  variables { acls = { "/vms/" = {} } }
  expect_failures = [var.acls]
}

run "a_role_name_that_is_kept_for_proxmox_is_refused" {
  command = plan
  variables { role_name = "PVECsi" }
  expect_failures = [var.role_name]
}

run "a_realm_that_is_no_name_is_refused" {
  command = plan
  variables { realm = "" }
  expect_failures = [var.realm]
}

run "an_end_that_is_no_time_is_refused" {
  command = plan
  variables { expires_at = "next year" }
  expect_failures = [var.expires_at]
}

run "a_token_name_that_begins_with_a_digit_is_refused" {
  command = plan
  variables { token_name = "1st" }
  expect_failures = [var.token_name]
}
