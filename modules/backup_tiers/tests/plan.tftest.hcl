# What the module refuses, and what it plans, without any Proxmox VE.

mock_provider "homelab" {}

run "without_a_storage_there_are_five_tiers_and_no_job" {
  command = plan

  assert {
    condition     = toset(keys(homelab_backup_tier.this)) == toset(["0", "1", "2", "3", "4"])
    error_message = "The default is all five tiers."
  }
  assert {
    condition     = length(homelab_backup_schedule.this) == 0
    error_message = "A job needs a storage."
  }
}

run "tier_0_has_no_job" {
  command = plan
  variables { storage_name = "backup" }

  assert {
    condition     = toset(keys(homelab_backup_schedule.this)) == toset(["1", "2", "3", "4"])
    error_message = "Tiers 1 to 4 are backed up, tier 0 is not."
  }
}

run "a_tier_can_have_a_storage_of_its_own" {
  command = plan

  variables {
    storage_name = "backup"
    tiers        = { "1" = { storage_name = "offsite", start_delay_minutes = 10 }, "2" = {} }
    jobs         = { prune = false, mode = "stop" }
  }

  assert {
    condition     = homelab_backup_schedule.this["1"].storage_name == "offsite" && homelab_backup_schedule.this["2"].storage_name == "backup"
    error_message = "The tier's own storage comes before the common one."
  }
  assert {
    condition     = homelab_backup_schedule.this["1"].start_delay_minutes == 10 && homelab_backup_schedule.this["2"].mode == "stop"
    error_message = "The settings of tier and jobs reach the job."
  }
}

run "a_tier_that_is_no_number_is_refused" {
  command = plan
  variables { tiers = { critical = {} } }
  expect_failures = [var.tiers]
}

run "two_tiers_of_one_name_are_refused" {
  command = plan
  variables { tiers = { "1" = { name = "data" }, "2" = { name = "data" } } }
  expect_failures = [var.tiers]
}

run "a_storage_for_tier_0_is_refused" {
  command = plan
  variables { tiers = { "0" = { storage_name = "backup" } } }
  expect_failures = [var.tiers]
}

run "an_unknown_mode_is_refused" {
  command = plan
  variables { jobs = { mode = "live" } }
  expect_failures = [var.jobs]
}

run "an_unknown_compression_is_refused" {
  command = plan
  variables { jobs = { compression = "xz" } }
  expect_failures = [var.jobs]
}
