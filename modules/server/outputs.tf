output "ip_address" {
  description = "IPv4 address: that of the first network with an `address`, else the first that the guest has told. Null if nobody waited for it."
  value = try(
    split("/", values(local.addressed)[0].address)[0],
    [for address in flatten(values(homelab_pve_vm.this.addresses)) : address if !strcontains(address, ":")][0],
    null,
  )
}

output "mac_addresses" {
  description = "Hardware address of each network device, by slot."
  value       = { for slot, network in homelab_pve_vm.this.networks : slot => network.mac_address }
}

output "name" {
  description = "Name of the machine."
  value       = homelab_pve_vm.this.name
}

output "node_name" {
  description = "Node that the machine is on."
  value       = homelab_pve_vm.this.current_node
}

output "vm_id" {
  description = "ID of the machine."
  value       = homelab_pve_vm.this.vm_id
}
