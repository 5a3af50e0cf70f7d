# Against a Proxmox VE, which the environment names: HOMELAB_PVE_ENDPOINT, HOMELAB_PVE_API_TOKEN, HOMELAB_PVE_CA_FILE.

provider "homelab" {}

variables {
  name                = "test-data"
  node_name           = "pve1"
  storage_name        = "local-lvm"
  size_gib            = 1
  backup_tier         = "standard"
  deletion_protection = false
}

run "needs_the_pool_of_its_tier" {
  module {
    source = "./tests/tier"
  }
}

run "makes_a_parked_disk_in_its_tier" {
  assert {
    condition     = output.pool_name == "tier-2" && startswith(output.volume_id, "local-lvm:")
    error_message = "The disk is in the pool of its tier, on its storage."
  }
  assert {
    condition     = length(output.serial) > 0 && homelab_pve_data_disk.this.attached_to_vm_id == null
    error_message = "The disk has a serial number before any machine has it."
  }
}

run "grows" {
  variables { size_gib = 2 }

  assert {
    condition     = homelab_pve_data_disk.this.size_gib == 2
    error_message = "A disk can grow."
  }
}
