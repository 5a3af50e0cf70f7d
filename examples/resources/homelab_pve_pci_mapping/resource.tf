resource "homelab_pve_pci_mapping" "gpu" {
  name = "gpu"
  devices = [
    {
      node_name    = "pve1"
      path         = "0000:01:00"
      device_id    = "10de:1c03"
      subsystem_id = "1043:85aa"
      iommu_group  = 14
    },
  ]
}
