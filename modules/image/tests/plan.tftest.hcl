# What the module refuses, and what it plans, without any Proxmox VE.

mock_provider "homelab" {}

variables {
  node_names   = ["pve1", "pve2"]
  storage_name = "local"
  url          = "https://images.example/debian-13.qcow2"
  checksum     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
}

run "every_node_gets_the_image" {
  command = plan

  assert {
    condition     = toset(keys(homelab_pve_image.this)) == toset(["pve1", "pve2"]) && homelab_pve_image.this["pve2"].content == "import"
    error_message = "One image for each node."
  }
}

run "no_node_is_refused" {
  command = plan
  variables { node_names = [] }
  expect_failures = [var.node_names]
}

run "an_unknown_content_is_refused" {
  command = plan
  variables { content = "images" }
  expect_failures = [var.content]
}

run "a_url_of_another_scheme_is_refused" {
  command = plan
  variables { url = "ftp://images.example/debian-13.qcow2" }
  expect_failures = [var.url]
}

run "a_checksum_without_its_algorithm_is_refused" {
  command = plan
  variables { checksum = "0000000000000000000000000000000000000000000000000000000000000000" }
  expect_failures = [var.checksum]
}

run "an_unknown_compression_is_refused" {
  command = plan
  variables { compression = "zip" }
  expect_failures = [var.compression]
}

run "a_file_name_without_an_ending_is_refused" {
  command = plan
  variables { file_name = "debian" }
  expect_failures = [var.file_name]
}
