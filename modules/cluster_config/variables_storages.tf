# The storages and their secrets: the longest of the module's inputs.

variable "storages" {
  description = "Storages by name. Each sets exactly one of the types `btrfs`, `cephfs`, `cifs`, `dir`, `iscsi`, `lvm`, `lvmthin`, `nfs`, `pbs`, `rbd` and `zfspool`."
  type = map(object({
    # What may be stored: `images`, `rootdir`, `iso`, `vztmpl`, `backup`, `snippets`, `import`.
    content = optional(set(string))
    # Whether it is used at all; `false` where its server is not there yet.
    enabled = optional(bool)
    # Nodes that use it; all if not given.
    nodes = optional(set(string))
    # Which backups of a guest to keep, for jobs that do not say it themselves.
    prune_backups = optional(object({
      keep_all     = optional(bool)
      keep_last    = optional(number)
      keep_hourly  = optional(number)
      keep_daily   = optional(number)
      keep_weekly  = optional(number)
      keep_monthly = optional(number)
      keep_yearly  = optional(number)
    }))
    # Any number; a change sends the entry of `storage_secrets` again.
    secret_version = optional(number)

    btrfs = optional(object({
      path          = string
      is_mountpoint = optional(string)
      nocow         = optional(bool)
      preallocation = optional(string)
    }))
    # Secret: the keyring of the user.
    cephfs = optional(object({
      file_system = optional(string)
      fuse        = optional(bool)
      monitors    = optional(set(string))
      options     = optional(string)
      subfolder   = optional(string)
      username    = optional(string)
    }))
    # Secret: the password of the user.
    cifs = optional(object({
      server      = string
      share       = string
      domain      = optional(string)
      options     = optional(string)
      smb_version = optional(string)
      subfolder   = optional(string)
      username    = optional(string)
    }))
    dir = optional(object({
      path = string
      # `yes` if the path is a mount point: then it is offline while nothing is mounted.
      is_mountpoint = optional(string)
      preallocation = optional(string)
      # Whether every node sees the same files there.
      shared = optional(bool)
    }))
    iscsi = optional(object({
      portal = string
      target = string
    }))
    lvm = optional(object({
      volume_group = string
      base_volume  = optional(string)
      shared       = optional(bool)
    }))
    lvmthin = optional(object({
      volume_group = string
      thin_pool    = string
    }))
    nfs = optional(object({
      server        = string
      export        = string
      options       = optional(string)
      preallocation = optional(string)
    }))
    # Secret: the password of the user, or the secret of the token.
    pbs = optional(object({
      server      = string
      datastore   = string
      fingerprint = optional(string)
      namespace   = optional(string)
      port        = optional(number)
      username    = optional(string)
    }))
    # Secret: the keyring of the user.
    rbd = optional(object({
      pool          = optional(string)
      namespace     = optional(string)
      data_pool     = optional(string)
      kernel_driver = optional(bool)
      monitors      = optional(set(string))
      username      = optional(string)
    }))
    zfspool = optional(object({
      # The pool, or a file system in it, such as `tank/vms`.
      pool       = string
      block_size = optional(string)
      # Whether new disks take space only as they fill.
      sparse = optional(bool)
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for storage in var.storages : length([
        for type in [
          storage.btrfs, storage.cephfs, storage.cifs, storage.dir, storage.iscsi, storage.lvm, storage.lvmthin,
          storage.nfs, storage.pbs, storage.rbd, storage.zfspool,
        ] : true if type != null
      ]) == 1
    ])
    error_message = "Each storage has to set exactly one type, such as `nfs = { server = \"192.0.2.10\", export = \"/tank\" }`."
  }

  validation {
    condition = alltrue(flatten([
      for storage in var.storages : [
        for content in coalesce(storage.content, []) :
        contains(["images", "rootdir", "iso", "vztmpl", "backup", "snippets", "import", "none"], content)
      ]
    ]))
    error_message = "The contents of a storage have to be among `images`, `rootdir`, `iso`, `vztmpl`, `backup`, `snippets`, `import` and `none`."
  }
}

variable "storage_secrets" {
  description = "Passwords and keyrings by storage. They are sent and never stored; that needs Terraform or OpenTofu 1.11. Change `secret_version` of a storage to send another."
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true
}
