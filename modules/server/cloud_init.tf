# The documents for cloud-init.

locals {
  mounted       = { for slot, entry in var.data_disks : slot => entry if entry.mount_point != null }
  mount_options = ["defaults", "nofail", "x-systemd.before=local-fs.target", "x-systemd.growfs"]

  # By the serial number, because neither slot nor order tells a guest which disk is which. The names are udev's.
  devices = {
    for slot, entry in local.mounted :
    slot => "/dev/disk/by-id/${startswith(slot, "virtio") ? "virtio-" : "scsi-0QEMU_QEMU_HARDDISK_"}${entry.disk.serial}"
  }

  cloud_config = {
    user                = var.user == null ? null : { name = var.user }
    ssh_authorized_keys = var.ssh_keys
    packages            = concat(var.agent ? ["qemu-guest-agent"] : [], var.packages)
    package_update      = var.agent || length(var.packages) > 0

    write_files = [
      for file in var.files : {
        path        = file.path
        content     = file.content
        permissions = file.permissions
        owner       = file.owner
        # Packages bring the users that files belong to, and come later than files do.
        defer = true
      }
    ]

    # `any` makes a file system only on a disk without one, on it or on its partitions (an empty partition gets it). With
    # `none`, cloud-init would make one each time, also on a disk with data that comes to a new machine.
    fs_setup = [
      for slot, entry in local.mounted : {
        device     = local.devices[slot]
        filesystem = entry.file_system
        partition  = "any"
        overwrite  = false
      }
    ]

    # A machine starts without a disk that is not there, and a file system grows with its disk at each mount. `nofail` alone
    # would let services start before their data is mounted: with it, systemd no longer orders a mount before
    # `local-fs.target` (`systemd.mount(5)`).
    mounts = [
      for slot, entry in local.mounted : [
        local.devices[slot], entry.mount_point, entry.file_system,
        join(",", concat(local.mount_options, entry.mount_options)), "0", "2",
      ]
    ]

    runcmd = concat(
      var.agent ? [["systemctl", "enable", "--now", "qemu-guest-agent"]] : [],
      var.commands,
    )
  }

  user_data = coalesce(var.user_data, join("\n", ["#cloud-config", yamlencode({
    for key, value in local.cloud_config : key => value if value != null && try(length(value), 1) > 0
  })]))

  # DHCP needs no document.
  addressed = { for slot, network in var.networks : slot => network if network.address != null }

  # Devices are found by their hardware addresses, and named as Proxmox VE's own cloud-init names them: what the guest
  # calls them otherwise depends on chipset and image. Name and addresses are the machine's own, so what is made of them
  # is too. 02 at the beginning: an address that no manufacturer gives.
  identity = join(" ", concat([var.name], values(local.addressed)[*].address))
  mac_addresses = {
    for slot, network in var.networks : slot => network.mac_address != null || length(local.addressed) == 0 ? network.mac_address : upper(
      join(":", concat(["02"], [for pair in range(5) : substr(sha256("${local.identity} ${slot}"), 2 * pair, 2)]))
    )
  }

  network_config = length(local.addressed) == 0 ? null : yamlencode({
    version = 2
    ethernets = {
      for slot, network in var.networks : replace(slot, "net", "eth") => {
        for key, value in {
          match       = { macaddress = lower(local.mac_addresses[slot]) }
          set-name    = replace(slot, "net", "eth")
          dhcp4       = network.address == null ? true : null
          addresses   = network.address == null ? null : [network.address]
          routes      = network.gateway == null ? null : [{ to = "0.0.0.0/0", via = network.gateway }]
          nameservers = length(var.name_servers) == 0 ? null : { addresses = var.name_servers }
        } : key => value if value != null
      }
    }
  })
}
