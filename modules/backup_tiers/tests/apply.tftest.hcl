# Against a Proxmox VE, which the environment names: HOMELAB_PVE_ENDPOINT, HOMELAB_PVE_API_TOKEN, HOMELAB_PVE_CA_FILE.

provider "homelab" {}

run "makes_all_tiers_without_jobs" {
  assert {
    condition     = output.pool_names["1"] == "tier-1" && output.numbers["critical"] == 1 && length(output.job_ids) == 0
    error_message = "Each tier has its pool and the name of its number."
  }
}

run "backs_them_up_once_there_is_a_storage" {
  variables { storage_name = "shared" }

  assert {
    condition     = output.job_ids["1"] == "tier-1-shared" && length(output.job_ids) == 4
    error_message = "Tiers 1 to 4 have jobs."
  }
  assert {
    condition     = homelab_backup_schedule.this["2"].schedule != homelab_backup_tier.this["2"].schedule
    error_message = "The jobs start one after the other."
  }
}

run "changes_what_one_tier_promises" {
  variables {
    storage_name = "shared"
    tiers        = { "0" = {}, "1" = { name = "office", schedule = "mon..fri 19:30 UTC", rpo_hours = 72, retention_days = 60 } }
  }

  assert {
    condition     = toset(keys(output.numbers)) == toset(["none", "office"]) && length(output.job_ids) == 1
    error_message = "Tiers that are not named any more are gone, and the others have their new names."
  }
}
