# Against a Proxmox VE, which the environment names: HOMELAB_PVE_ENDPOINT, HOMELAB_PVE_API_TOKEN, HOMELAB_PVE_CA_FILE.

provider "homelab" {}

variables {
  node_names   = ["pve1"]
  storage_name = "local"
  content      = "iso"
  # Any file will do as a CD that nobody reads.
  source_file = "README.md"
  file_name   = "homelab-module-test.iso"
}

run "sends_the_file_to_one_node" {
  assert {
    condition     = output.volume_id == "local:iso/homelab-module-test.iso"
    error_message = "The image has the name that was asked for."
  }
}

run "sends_it_to_another_node_too" {
  variables { node_names = ["pve1", "pve2"] }

  assert {
    condition     = length(homelab_pve_image.this) == 2 && output.volume_id == "local:iso/homelab-module-test.iso"
    error_message = "It has the same name on both."
  }
}
