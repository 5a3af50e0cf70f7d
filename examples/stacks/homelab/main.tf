# The servers of a homelab: their data on disks of its own in backup tiers, their systems made anew whenever one likes.

# Endpoint, API token and certificate authority come from the environment: HOMELAB_PVE_ENDPOINT and so on.
provider "homelab" {}

locals {
  gateway = cidrhost(var.network, 1)
  length  = split("/", var.network)[1]

  # What must not be lost. The disks stay when their servers go.
  disks = {
    postgres  = { node = "main", size_gib = 20, tier = "critical" }
    ollama    = { node = "gpu", size_gib = 100, tier = "cache" }
    pbs       = { node = "backup", size_gib = 4, tier = "standard" }
    datastore = { node = "backup", size_gib = 200, tier = "none" }
    sandbox   = { node = "main", size_gib = 20, tier = "dev" }
    minecraft = { node = "main", size_gib = 10, tier = "standard" }
  }

  # `host` is the number in the network; `mounts` says by slot which disk is where.
  servers = {
    postgres = {
      node   = "main", host = 20, cores = 4, memory_mib = 8192, gpu = false, packages = ["postgresql"]
      mounts = { scsi1 = { disk = "postgres", at = "/var/lib/postgresql" } }
    }
    ollama = {
      node   = "gpu", host = 21, cores = 8, memory_mib = 16384, gpu = true, packages = ["docker.io", "nvidia-driver"]
      mounts = { scsi1 = { disk = "ollama", at = "/srv/models" } }
    }
    pbs = {
      node   = "backup", host = 22, cores = 2, memory_mib = 4096, gpu = false, packages = []
      mounts = { scsi1 = { disk = "pbs", at = "/etc/proxmox-backup" }, scsi2 = { disk = "datastore", at = "/mnt/datastore" } }
    }
    sandbox = {
      node   = "main", host = 23, cores = 2, memory_mib = 2048, gpu = false, packages = ["docker.io", "git"]
      mounts = { scsi1 = { disk = "sandbox", at = "/srv/sandbox" } }
    }
    minecraft = {
      node   = "main", host = 24, cores = 4, memory_mib = 6144, gpu = false, packages = ["docker.io"]
      mounts = { scsi1 = { disk = "minecraft", at = "/srv/minecraft" } }
    }
  }
}

module "cluster" {
  source       = "../../../modules/cluster_config"
  options      = { keyboard = "de", migration = { type = "secure" } }
  pci_mappings = { gpu = { devices = [merge(var.gpu, { node_name = var.nodes.gpu })] } }
}

module "monitoring" {
  source     = "../../../modules/automation_user"
  username   = "monitoring"
  privileges = ["Datastore.Audit", "Sys.Audit", "VM.Audit"]
}

module "backup_tiers" {
  source       = "../../../modules/backup_tiers"
  storage_name = var.storages.backups
}

module "debian" {
  source       = "../../../modules/image"
  node_names   = values(var.nodes)
  storage_name = var.storages.images
  url          = var.image.url
  checksum     = var.image.checksum
}

module "disk" {
  source              = "../../../modules/data_disk"
  for_each            = local.disks
  name                = each.key
  node_name           = var.nodes[each.value.node]
  storage_name        = var.storages.disks
  size_gib            = each.value.size_gib
  backup_tier         = module.backup_tiers.numbers[each.value.tier]
  deletion_protection = var.deletion_protection
}

module "server" {
  source       = "../../../modules/server"
  for_each     = local.servers
  name         = each.key
  node_names   = [var.nodes[each.value.node]]
  image        = module.debian.volume_id
  cpu          = { cores = each.value.cores }
  memory_mib   = each.value.memory_mib
  disk         = { storage_name = var.storages.disks, size_gib = 16 }
  networks     = { net0 = { address = "${cidrhost(var.network, each.value.host)}/${local.length}", gateway = local.gateway } }
  name_servers = [local.gateway]
  machine      = each.value.gpu ? "q35" : null
  pci_devices  = { for slot in ["hostpci0"] : slot => { mapping_name = module.cluster.pci_mapping_names["gpu"], pcie = true } if each.value.gpu }
  ssh_keys     = var.ssh_keys
  packages     = each.value.packages
  data_disks   = { for slot, mount in each.value.mounts : slot => { disk = module.disk[mount.disk], mount_point = mount.at } }
}

data "homelab_backup_coverage" "all" {
  depends_on = [module.backup_tiers, module.server]
}

# Every plan says it if a disk of a tier is in no job.
check "backups" {
  assert {
    condition     = length(data.homelab_backup_coverage.all.uncovered_disks) == 0
    error_message = "No enabled backup job covers ${join(", ", data.homelab_backup_coverage.all.uncovered_disks[*].volume_id)}."
  }
}
