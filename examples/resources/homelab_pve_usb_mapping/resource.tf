resource "homelab_pve_usb_mapping" "zigbee" {
  name    = "zigbee"
  devices = [{ node_name = "pve1", device_id = "10c4:ea60" }]
}
