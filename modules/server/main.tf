# A machine from a cloud image or a template, set up by cloud-init, with its data disks mounted.

resource "homelab_pve_vm" "this" {
  name          = var.name
  vm_id         = var.vm_id
  nodes         = var.node_names
  description   = var.description
  tags          = var.tags
  pool_name     = var.pool_name
  protection    = var.protection
  started       = var.started
  start_on_boot = var.start_on_boot

  os_type       = "l26"
  scsi_hardware = "virtio-scsi-single"
  machine       = var.machine
  bios          = var.bios
  efi_disk      = var.bios == "ovmf" ? { storage_name = var.disk.storage_name, type = "4m" } : null

  clone  = var.clone
  cpu    = var.cpu
  memory = { size_mib = var.memory_mib, minimum_mib = var.memory_minimum_mib }
  agent  = { enabled = var.agent }

  disks = {
    scsi0 = {
      storage_name = var.disk.storage_name
      size_gib     = var.disk.size_gib
      import_from  = var.image
      backup       = var.disk.backup
      discard      = true
      io_thread    = true
    }
  }
  data_disks = { for slot, entry in var.data_disks : slot => entry.disk.id }

  networks = {
    for slot, network in var.networks : slot => {
      bridge      = network.bridge
      vlan_id     = network.vlan_id
      mac_address = local.mac_addresses[slot]
      firewall    = network.firewall
    }
  }

  pci_devices = var.pci_devices

  # The agent tells the addresses, and nothing tells when a machine without one is ready.
  wait_for = var.agent && var.wait_seconds > 0 ? { address = "ipv4", timeout_seconds = var.wait_seconds } : null

  cloud_init = {
    user_data        = local.user_data
    network_config   = local.network_config
    vendor_data      = var.vendor_data
    user_data_change = var.user_data_change
    iso_storage_name = var.iso_storage_name
  }

  lifecycle {
    precondition {
      condition     = (var.image == null) != (var.clone == null)
      error_message = "The server \"${var.name}\" is made either from an image (`image`) or from a template (`clone`). Set one of them."
    }
    precondition {
      condition     = var.user_data == null || length(local.mounted) == 0
      error_message = "The data disks of \"${var.name}\" are mounted by the user data that this module writes, which `user_data` replaces. Take `mount_point` out of `data_disks` and mount them yourself, or leave `user_data` out."
    }
  }
}
