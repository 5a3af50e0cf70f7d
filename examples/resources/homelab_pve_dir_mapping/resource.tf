resource "homelab_pve_dir_mapping" "media" {
  name = "media"
  directories = [
    { node_name = "pve1", path = "/tank/media" },
    { node_name = "pve2", path = "/mnt/media" },
  ]
}
