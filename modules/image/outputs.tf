output "volume_id" {
  description = "ID of the image, the same on every node, for `import_from` of a disk or `volume_id` of a CD drive."
  value       = one(distinct([for image in homelab_pve_image.this : image.volume_id]))
}
