output "next_backups" {
  description = "The next three runs of a backup job on a node in Berlin."
  value       = provider::homelab::next_events("mon..fri 02:30", plantimestamp(), 3, "Europe/Berlin")
}
