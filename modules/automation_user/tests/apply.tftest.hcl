# Against a Proxmox VE, which the environment names: HOMELAB_PVE_ENDPOINT, HOMELAB_PVE_API_TOKEN, HOMELAB_PVE_CA_FILE.

provider "homelab" {}

variables {
  username   = "test-automation"
  privileges = ["VM.Audit", "Datastore.Audit"]
  acls       = { "/vms" = {} }
}

run "makes_user_role_token_and_entries" {
  assert {
    condition     = startswith(output.api_token, "test-automation@pve!homelab=")
    error_message = "The token can be given to the provider as it is."
  }
  assert {
    condition     = output.role_name == "test-automation" && output.user_id == "test-automation@pve"
    error_message = "Role and user have the name that was asked for."
  }
}

run "narrows_the_role_and_begins_to_rotate" {
  variables {
    privileges  = ["VM.Audit"]
    rotation_id = "1"
  }

  assert {
    condition     = length(homelab_pve_acl.token) == 2
    error_message = "The spare token gets its entry."
  }
  assert {
    condition     = output.token_id == "test-automation@pve!homelab-2"
    error_message = "A change of `rotation_id` takes the spare token into use."
  }
}

run "rotation_does_not_end_while_the_spare_token_is_in_use" {
  command = plan
  variables { privileges = ["VM.Audit"] }
  expect_failures = [homelab_pve_token.this]
}

run "rotation_ends_when_the_first_token_is_in_use_again" {
  variables {
    privileges  = ["VM.Audit"]
    rotation_id = "2"
  }

  assert {
    condition     = output.token_id == "test-automation@pve!homelab"
    error_message = "The next change takes the first token into use again."
  }
}

run "without_rotation_the_first_token_keeps_its_entry" {
  variables { privileges = ["VM.Audit"] }

  assert {
    condition     = output.token_id == "test-automation@pve!homelab" && keys(homelab_pve_acl.token) == ["first:/vms"]
    error_message = "The token in use may do what it could."
  }
}
