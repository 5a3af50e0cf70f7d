# A template from a cloud image. It gets a larger disk than the image has.
resource "homelab_pve_vm" "debian" {
  node_name     = "pve1"
  name          = "debian-13"
  template      = true
  os_type       = "l26"
  scsi_hardware = "virtio-scsi-single"

  cpu    = { cores = 2, type = "x86-64-v2-AES" }
  memory = { size_mib = 2048 }
  agent  = { enabled = true }

  disks = {
    scsi0 = {
      storage_name = "shared"
      import_from  = "shared:import/debian-13-genericcloud-amd64.qcow2"
      size_gib     = 8
      discard      = true
      io_thread    = true
    }
  }

  networks = {
    net0 = { bridge = "vmbr0" }
  }
}

# A clone of it on another node, with cloud-init and a second disk.
resource "homelab_pve_vm" "web" {
  node_name     = "pve2"
  name          = "web"
  tags          = ["web", "production"]
  start_on_boot = true

  clone  = { vm_id = homelab_pve_vm.debian.vm_id }
  memory = { size_mib = 4096, minimum_mib = 2048 }

  disks = {
    scsi0 = { size_gib = 20 }
    scsi1 = { storage_name = "local-lvm", size_gib = 50, serial = "web-data" }
  }

  cloud_init = {
    user     = "admin"
    ssh_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB me@example"]
    ip_configs = {
      ipconfig0 = { ipv4_address = "192.0.2.20/24", ipv4_gateway = "192.0.2.1" }
    }
    name_servers = ["192.0.2.1"]
  }
}

# A machine with a graphics card of its node, by mapping.
resource "homelab_pve_vm" "ollama" {
  node_name = "pve1"
  name      = "ollama"
  machine   = "q35"
  bios      = "ovmf"

  clone    = { vm_id = homelab_pve_vm.debian.vm_id }
  efi_disk = { storage_name = "shared", type = "4m" }

  pci_devices = {
    hostpci0 = { mapping_name = homelab_pve_pci_mapping.gpu.name, pcie = true, primary_gpu = true }
  }
}

resource "homelab_pve_pci_mapping" "gpu" {
  name = "gpu"

  devices = [
    {
      node_name    = "pve1"
      path         = "0000:01:00"
      device_id    = "10de:1c03"
      subsystem_id = "1043:85aa"
      iommu_group  = 3
    },
  ]
}

# A clone that is set up by a cloud-config of its own. Another one replaces the machine.
resource "homelab_pve_vm" "sandbox" {
  node_name = "pve1"
  name      = "sandbox"
  clone     = { vm_id = homelab_pve_vm.debian.vm_id }

  cloud_init = {
    user_data = <<-EOT
      #cloud-config
      packages: [git, htop]
      users:
        - name: admin
          shell: /bin/bash
    EOT
    network_config = yamlencode({
      version   = 2
      ethernets = { any = { match = { name = "e*" }, dhcp4 = true } }
    })
    user_data_change = "replace"
  }
}
