output "storage_name" {
  description = "Storage that holds the image: \"local\"."
  value       = provider::homelab::parse_volume_id("local:iso/debian.iso").storage_name
}
