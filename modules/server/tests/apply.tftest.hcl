# Against a Proxmox VE, which the environment names: HOMELAB_PVE_ENDPOINT, HOMELAB_PVE_API_TOKEN, HOMELAB_PVE_CA_FILE.

provider "homelab" {}

variables {
  name       = "test-server"
  node_names = ["pve1"]
  image      = "local:import/debian-13-genericcloud-amd64.qcow2"
  disk       = { storage_name = "local-lvm", size_gib = 4 }
}

run "needs_a_disk_in_a_tier" {
  module {
    source = "./tests/disk"
  }
}

run "makes_a_server_that_tells_its_address" {
  assert {
    condition     = can(cidrhost("${output.ip_address}/24", 0)) && output.vm_id >= 100 && output.node_name == "pve1"
    error_message = "A server by DHCP has told its address."
  }
}

run "attaches_the_disk_and_mounts_it" {
  variables {
    networks     = { net0 = { address = "192.0.2.200/24", gateway = "192.0.2.1" } }
    name_servers = ["192.0.2.1"]
    data_disks   = { scsi1 = { disk = run.needs_a_disk_in_a_tier.disk, mount_point = "/srv/data" } }
  }

  assert {
    condition     = output.ip_address == "192.0.2.200" && length(homelab_pve_vm.this.data_disks) == 1
    error_message = "The address is the one that was given, and the disk is attached."
  }
  assert {
    condition     = strcontains(homelab_pve_vm.this.cloud_init.user_data, "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_${var.data_disks["scsi1"].disk.serial}")
    error_message = "The disk is mounted by its serial number."
  }
}

run "gives_the_disk_back" {
  assert {
    condition     = length(coalesce(homelab_pve_vm.this.data_disks, {})) == 0
    error_message = "A server without its disk goes on."
  }
}
