output "most_hours_lost" {
  description = "Hours that are lost at most with a weekly backup: 168."
  value       = provider::homelab::max_gap("sun 21:00 UTC").seconds / 3600
}
