resource "homelab_pve_role" "operator" {
  name       = "Operator"
  privileges = ["VM.Audit", "VM.PowerMgmt", "VM.Console"]
}
