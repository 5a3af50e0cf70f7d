data "homelab_pve_version" "this" {}

check "supported" {
  assert {
    condition     = tonumber(split(".", data.homelab_pve_version.this.release)[0]) >= 8
    error_message = "Proxmox VE 8 or newer is needed, this is ${data.homelab_pve_version.this.version}."
  }
}
