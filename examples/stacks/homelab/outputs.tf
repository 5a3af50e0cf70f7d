output "addresses" {
  description = "Address of each server."
  value       = { for name, server in module.server : name => server.ip_address }
}

output "monitoring_token" {
  description = "API token that can look and do nothing else."
  value       = module.monitoring.api_token
  sensitive   = true
}
