# What the module refuses, and what it plans, without any Proxmox VE.

mock_provider "homelab" {}

variables {
  name         = "postgres"
  node_name    = "pve1"
  storage_name = "local-lvm"
  size_gib     = 20
  backup_tier  = 1
}

run "a_disk_is_protected_and_belongs_to_its_holder" {
  command = plan

  assert {
    condition     = homelab_pve_data_disk.this.deletion_protection && homelab_pve_data_disk.this.ownership == "holder"
    error_message = "Nobody loses a disk without having said so."
  }
  assert {
    condition     = homelab_pve_data_disk.this.backup_tier == "1"
    error_message = "A number is as good as a name."
  }
}

run "a_name_in_capitals_is_refused" {
  command = plan
  variables { name = "Postgres" }
  expect_failures = [var.name]
}

run "half_a_gib_is_refused" {
  command = plan
  variables { size_gib = 20.5 }
  expect_failures = [var.size_gib]
}

run "an_unknown_tier_is_refused" {
  command = plan
  variables { backup_tier = 5 }
  expect_failures = [var.backup_tier]
}

run "an_unknown_ownership_is_refused" {
  command = plan
  variables { ownership = "shared" }
  expect_failures = [var.ownership]
}

run "a_tag_in_capitals_is_refused" {
  command = plan
  variables { tags = ["Database"] }
  expect_failures = [var.tags]
}
