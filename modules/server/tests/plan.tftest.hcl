# What the module refuses, and what it plans, without any Proxmox VE.

mock_provider "homelab" {}

variables {
  name       = "postgres"
  node_names = ["pve1"]
  image      = "local:import/debian-13.qcow2"
  disk       = { storage_name = "local-lvm", size_gib = 10 }
}

run "the_least_that_can_be_said_is_a_machine_by_dhcp" {
  command = plan

  assert {
    condition     = homelab_pve_vm.this.disks["scsi0"].import_from == "local:import/debian-13.qcow2" && homelab_pve_vm.this.cloud_init.network_config == null
    error_message = "The disk comes from the image, and DHCP needs no network configuration."
  }
  assert {
    condition     = startswith(homelab_pve_vm.this.cloud_init.user_data, "#cloud-config\n") && yamldecode(homelab_pve_vm.this.cloud_init.user_data).packages == ["qemu-guest-agent"]
    error_message = "The agent is installed, and nothing else."
  }
  assert {
    condition     = homelab_pve_vm.this.wait_for.address == "ipv4"
    error_message = "The apply waits for the address that DHCP gives."
  }
}

run "data_disks_are_mounted_by_serial_number" {
  command = plan

  variables {
    data_disks = {
      scsi1   = { disk = { id = "901-3f9a0c1b2d4e", serial = "pg-4711" }, mount_point = "/var/lib/postgresql", mount_options = ["noatime"] }
      virtio0 = { disk = { id = "902-3f9a0c1b2d4e", serial = "wal-4711" }, mount_point = "/srv/wal", file_system = "xfs" }
      scsi2   = { disk = { id = "903-3f9a0c1b2d4e", serial = "raw-4711" } }
    }
  }

  assert {
    condition = yamldecode(homelab_pve_vm.this.cloud_init.user_data).mounts == [
      ["/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_pg-4711", "/var/lib/postgresql", "ext4", "defaults,nofail,x-systemd.before=local-fs.target,x-systemd.growfs,noatime", "0", "2"],
      ["/dev/disk/by-id/virtio-wal-4711", "/srv/wal", "xfs", "defaults,nofail,x-systemd.before=local-fs.target,x-systemd.growfs", "0", "2"],
    ]
    error_message = "Each disk with a mount point is mounted there, by the name that udev gives it, before services start."
  }
  assert {
    condition = alltrue([
      for entry in yamldecode(homelab_pve_vm.this.cloud_init.user_data).fs_setup : entry.partition == "any" && entry.overwrite == false
    ])
    error_message = "A disk that has a file system keeps it."
  }
  assert {
    condition     = homelab_pve_vm.this.data_disks == tomap({ scsi1 = "901-3f9a0c1b2d4e", scsi2 = "903-3f9a0c1b2d4e", virtio0 = "902-3f9a0c1b2d4e" })
    error_message = "All three are attached."
  }
}

run "an_address_goes_to_the_device_with_its_hardware_address" {
  command = plan

  variables {
    networks     = { net0 = { address = "192.0.2.20/24", gateway = "192.0.2.1", vlan_id = 30 } }
    name_servers = ["192.0.2.53"]
  }

  assert {
    condition = yamldecode(homelab_pve_vm.this.cloud_init.network_config).ethernets.eth0 == {
      match       = { macaddress = lower(homelab_pve_vm.this.networks["net0"].mac_address) }
      set-name    = "eth0"
      addresses   = ["192.0.2.20/24"]
      routes      = [{ to = "0.0.0.0/0", via = "192.0.2.1" }]
      nameservers = { addresses = ["192.0.2.53"] }
    }
    error_message = "Address, gateway and name server are in the network configuration."
  }
  assert {
    condition     = output.ip_address == "192.0.2.20"
    error_message = "The address is the output, without the length of its network."
  }
}

run "two_networks_are_two_devices" {
  command = plan

  variables {
    networks = { net0 = { address = "192.0.2.20/24" }, net1 = {}, net2 = { mac_address = "BC:24:11:00:00:01" } }
  }

  assert {
    condition     = can(regex("^02(:[0-9A-F]{2}){5}$", homelab_pve_vm.this.networks["net0"].mac_address)) && homelab_pve_vm.this.networks["net0"].mac_address != homelab_pve_vm.this.networks["net1"].mac_address
    error_message = "Each device has a hardware address of its own."
  }
  assert {
    condition = yamldecode(homelab_pve_vm.this.cloud_init.network_config).ethernets == {
      eth0 = { set-name = "eth0", match = { macaddress = lower(homelab_pve_vm.this.networks["net0"].mac_address) }, addresses = ["192.0.2.20/24"] }
      eth1 = { set-name = "eth1", match = { macaddress = lower(homelab_pve_vm.this.networks["net1"].mac_address) }, dhcp4 = true }
      eth2 = { set-name = "eth2", match = { macaddress = "bc:24:11:00:00:01" }, dhcp4 = true }
    }
    error_message = "The network configuration finds each device by it."
  }
}

run "packages_files_and_commands_are_in_the_user_data" {
  command = plan

  variables {
    user     = "ops"
    ssh_keys = ["ssh-ed25519 AAAA ops@example"]
    packages = ["nginx"]
    files    = [{ path = "/etc/motd", content = "hello: no\n", permissions = "0640" }]
    commands = [["systemctl", "restart", "nginx"]]
    agent    = false
  }

  assert {
    condition     = yamldecode(homelab_pve_vm.this.cloud_init.user_data).write_files[0].content == "hello: no\n" && yamldecode(homelab_pve_vm.this.cloud_init.user_data).write_files[0].permissions == "0640"
    error_message = "A file has the content and the permissions that were asked for."
  }
  assert {
    condition     = yamldecode(homelab_pve_vm.this.cloud_init.user_data).runcmd == [["systemctl", "restart", "nginx"]] && yamldecode(homelab_pve_vm.this.cloud_init.user_data).packages == ["nginx"]
    error_message = "Without the agent there are only one's own packages and commands."
  }
  assert {
    condition     = homelab_pve_vm.this.wait_for == null
    error_message = "Without the agent there is nothing to wait for."
  }
  assert {
    condition     = yamldecode(homelab_pve_vm.this.cloud_init.user_data).user.name == "ops"
    error_message = "The user is the one that was asked for."
  }
}

run "a_graphics_card_and_efi_firmware_are_passed_on" {
  command = plan

  variables {
    machine     = "q35"
    bios        = "ovmf"
    pci_devices = { hostpci0 = { mapping_name = "gpu", pcie = true } }
  }

  assert {
    condition     = homelab_pve_vm.this.pci_devices["hostpci0"].mapping_name == "gpu" && homelab_pve_vm.this.efi_disk.type == "4m"
    error_message = "The device is the machine's, and EFI has a disk for its variables."
  }
}

run "image_and_template_together_are_refused" {
  command = plan
  variables { clone = { vm_id = 9000 } }
  expect_failures = [homelab_pve_vm.this]
}

run "mount_points_beside_user_data_are_refused" {
  command = plan

  variables {
    user_data  = "#cloud-config\n{}\n"
    data_disks = { scsi1 = { disk = { id = "901-3f9a0c1b2d4e", serial = "pg" }, mount_point = "/srv" } }
  }

  expect_failures = [homelab_pve_vm.this]
}

run "a_name_with_a_dot_is_refused" {
  command = plan
  variables { name = "postgres.example" }
  expect_failures = [var.name]
}

run "no_node_is_refused" {
  command = plan
  variables { node_names = [] }
  expect_failures = [var.node_names]
}

run "half_a_gib_of_disk_is_refused" {
  command = plan
  variables { disk = { storage_name = "local-lvm", size_gib = 0.5 } }
  expect_failures = [var.disk]
}

run "a_template_that_is_named_twice_is_refused" {
  command = plan

  variables {
    image = null
    clone = { vm_id = 9000, template_name = "debian" }
  }

  expect_failures = [var.clone]
}

run "half_a_core_is_refused" {
  command = plan
  variables { cpu = { cores = 0.5 } }
  expect_failures = [var.cpu]
}

run "too_little_memory_is_refused" {
  command = plan
  variables { memory_mib = 128 }
  expect_failures = [var.memory_mib]
}

run "a_network_that_is_no_slot_is_refused" {
  command = plan
  variables { networks = { eth0 = {} } }
  expect_failures = [var.networks]
}

run "an_address_without_its_network_is_refused" {
  command = plan
  variables { networks = { net0 = { address = "192.0.2.20" } } }
  expect_failures = [var.networks]
}

run "a_gateway_elsewhere_is_refused" {
  command = plan
  variables { networks = { net0 = { address = "192.0.2.20/24", gateway = "192.0.3.1" } } }
  expect_failures = [var.networks]
}

run "a_data_disk_in_the_place_of_the_system_is_refused" {
  command = plan
  variables { data_disks = { scsi0 = { disk = { id = "901-3f9a0c1b2d4e", serial = "pg" } } } }
  expect_failures = [var.data_disks]
}

run "a_mount_point_that_is_not_absolute_is_refused" {
  command = plan
  variables { data_disks = { scsi1 = { disk = { id = "901-3f9a0c1b2d4e", serial = "pg" }, mount_point = "srv" } } }
  expect_failures = [var.data_disks]
}

run "an_unknown_file_system_is_refused" {
  command = plan
  variables { data_disks = { scsi1 = { disk = { id = "901-3f9a0c1b2d4e", serial = "pg" }, file_system = "ntfs" } } }
  expect_failures = [var.data_disks]
}

run "a_pci_device_that_is_no_slot_is_refused" {
  command = plan
  variables { pci_devices = { gpu = { mapping_name = "gpu" } } }
  expect_failures = [var.pci_devices]
}

run "an_unknown_firmware_is_refused" {
  command = plan
  variables { bios = "uefi" }
  expect_failures = [var.bios]
}

run "a_file_with_permissions_in_letters_is_refused" {
  command = plan
  variables { files = [{ path = "/etc/motd", content = "", permissions = "rw" }] }
  expect_failures = [var.files]
}

run "a_wait_of_a_day_is_refused" {
  command = plan
  variables { wait_seconds = 86400 }
  expect_failures = [var.wait_seconds]
}

run "an_unknown_change_is_refused" {
  command = plan
  variables { user_data_change = "restart" }
  expect_failures = [var.user_data_change]
}

run "less_memory_than_any_guest_has_is_refused" {
  command = plan
  variables { memory_minimum_mib = 8 }
  expect_failures = [var.memory_minimum_mib]
}

run "a_gateway_that_is_no_address_is_refused" {
  command = plan
  variables { networks = { net0 = { address = "192.0.2.20/24", gateway = "router" } } }
  expect_failures = [var.networks]
}

run "a_vlan_beyond_the_last_is_refused" {
  command = plan
  variables { networks = { net0 = { vlan_id = 4095 } } }
  expect_failures = [var.networks]
}

run "the_hardware_address_of_many_devices_is_refused" {
  command = plan
  variables { networks = { net0 = { mac_address = "01:00:5E:00:00:01" } } }
  expect_failures = [var.networks]
}

run "a_name_server_by_name_is_refused" {
  command = plan
  variables { name_servers = ["dns.example"] }
  expect_failures = [var.name_servers]
}

run "an_id_that_proxmox_keeps_for_itself_is_refused" {
  command = plan
  variables { vm_id = 99 }
  expect_failures = [var.vm_id]
}

run "a_tag_with_a_blank_is_refused" {
  command = plan
  variables { tags = ["two words"] }
  expect_failures = [var.tags]
}

run "a_user_with_a_blank_is_refused" {
  command = plan
  variables { user = "Ops Team" }
  expect_failures = [var.user]
}

run "a_key_that_is_none_is_refused" {
  command = plan
  variables { ssh_keys = ["nokey"] }
  expect_failures = [var.ssh_keys]
}

run "a_file_of_two_owners_is_refused" {
  command = plan
  variables { files = [{ path = "/etc/motd", content = "", owner = "a b" }] }
  expect_failures = [var.files]
}

run "a_command_without_a_word_is_refused" {
  command = plan
  variables { commands = [[]] }
  expect_failures = [var.commands]
}

run "two_disks_in_one_place_are_refused" {
  command = plan

  variables {
    data_disks = {
      scsi1 = { disk = { id = "901-3f9a0c1b2d4e", serial = "pg" }, mount_point = "/srv" }
      scsi2 = { disk = { id = "902-3f9a0c1b2d4e", serial = "wal" }, mount_point = "/srv" }
    }
  }

  expect_failures = [var.data_disks]
}

run "a_serial_number_that_cloud_init_takes_for_a_partition_is_refused" {
  command = plan
  variables { data_disks = { scsi1 = { disk = { id = "901-3f9a0c1b2d4e", serial = "pg.1" }, mount_point = "/srv" } } }
  expect_failures = [var.data_disks]
}
