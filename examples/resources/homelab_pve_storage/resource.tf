resource "homelab_pve_storage" "images" {
  name    = "images"
  content = ["iso", "import", "vztmpl"]
  nfs = {
    server  = "nas.example"
    export  = "/volume1/images"
    options = "vers=4.2"
  }
}

resource "homelab_pve_storage" "vms" {
  name    = "vms"
  content = ["images", "rootdir"]
  zfspool = {
    pool   = "tank/vms"
    sparse = true
  }
}

resource "homelab_pve_storage" "backup" {
  name    = "backup"
  content = ["backup"]
  pbs = {
    server              = "pbs.example"
    datastore           = "main"
    namespace           = "tier1"
    username            = "backup@pbs!pve"
    password_wo         = var.pbs_secret
    password_wo_version = 1
    fingerprint         = "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99"
  }
}

variable "pbs_secret" {
  description = "Password of the user on the backup server."
  type        = string
  sensitive   = true
}
