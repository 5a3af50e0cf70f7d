# What a cluster has before its guests: options, storages, bridges, and names for the hardware that guests use.

resource "homelab_pve_cluster_options" "this" {
  count = var.options == null ? 0 : 1

  bandwidth_limits = var.options.bandwidth_limits
  console          = var.options.console
  description      = var.options.description
  email_from       = var.options.email_from
  ha               = var.options.ha
  http_proxy       = var.options.http_proxy
  keyboard         = var.options.keyboard
  language         = var.options.language
  mac_prefix       = var.options.mac_prefix
  max_workers      = var.options.max_workers
  migration        = var.options.migration
  next_id          = var.options.next_id
  registered_tags  = var.options.registered_tags
  replication      = var.options.replication
  scheduling       = var.options.scheduling
  tag_style        = var.options.tag_style
  user_tag_access  = var.options.user_tag_access
}

resource "homelab_pve_storage" "this" {
  for_each = var.storages

  name          = each.key
  content       = each.value.content
  enabled       = each.value.enabled
  nodes         = each.value.nodes
  prune_backups = each.value.prune_backups

  btrfs   = each.value.btrfs
  dir     = each.value.dir
  iscsi   = each.value.iscsi
  lvm     = each.value.lvm
  lvmthin = each.value.lvmthin
  nfs     = each.value.nfs
  zfspool = each.value.zfspool

  cephfs = one([for cephfs in each.value.cephfs[*] : merge(cephfs, local.storage_keyrings[each.key])])
  cifs   = one([for cifs in each.value.cifs[*] : merge(cifs, local.storage_passwords[each.key])])
  pbs    = one([for pbs in each.value.pbs[*] : merge(pbs, local.storage_passwords[each.key])])
  rbd    = one([for rbd in each.value.rbd[*] : merge(rbd, local.storage_keyrings[each.key])])

  # A storage can lie on a server that is reached through one of the bridges.
  depends_on = [homelab_pve_bridge.this]
}

locals {
  storage_passwords = {
    for name, storage in var.storages : name => {
      password_wo         = try(var.storage_secrets[name], null)
      password_wo_version = storage.secret_version
    }
  }
  storage_keyrings = {
    for name, storage in var.storages : name => {
      keyring_wo         = try(var.storage_secrets[name], null)
      keyring_wo_version = storage.secret_version
    }
  }

  bridges = merge([
    for node_name, bridges in var.bridges : {
      for name, bridge in bridges : "${node_name}/${name}" => merge(bridge, { node_name = node_name, name = name })
    }
  ]...)
}

resource "homelab_pve_bridge" "this" {
  for_each = local.bridges

  node_name    = each.value.node_name
  name         = each.value.name
  autostart    = each.value.autostart
  comment      = each.value.comment
  ipv4_cidr    = each.value.ipv4_cidr
  ipv4_gateway = each.value.ipv4_gateway
  ipv6_cidr    = each.value.ipv6_cidr
  ipv6_gateway = each.value.ipv6_gateway
  mtu          = each.value.mtu
  ports        = each.value.ports
  vlan_aware   = each.value.vlan_aware
  vlan_ids     = each.value.vlan_ids
}

resource "homelab_pve_pci_mapping" "this" {
  for_each = var.pci_mappings

  name                   = each.key
  description            = each.value.description
  devices                = each.value.devices
  live_migration_capable = each.value.live_migration_capable
  mediated_devices       = each.value.mediated_devices
}

resource "homelab_pve_usb_mapping" "this" {
  for_each = var.usb_mappings

  name        = each.key
  description = each.value.description
  devices     = each.value.devices
}

resource "homelab_pve_dir_mapping" "this" {
  for_each = var.dir_mappings

  name        = each.key
  description = each.value.description
  directories = each.value.directories
}
