variable "node_names" {
  description = "Nodes that get the image. One is enough on a storage that all nodes share."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.node_names) > 0
    error_message = "Name at least one node."
  }
}

variable "storage_name" {
  description = "Storage of the image, with `content` among its contents."
  type        = string
  nullable    = false
}

variable "content" {
  description = "`import` is a disk to make disks from, `iso` a CD, `vztmpl` a template of containers."
  type        = string
  default     = "import"
  nullable    = false

  validation {
    condition     = contains(["import", "iso", "vztmpl"], var.content)
    error_message = "The content has to be `import` (disk image), `iso` (CD) or `vztmpl` (container template)."
  }
}

variable "url" {
  description = "Where the nodes fetch the file. Give either this or `source_file`."
  type        = string
  default     = null

  validation {
    condition     = var.url == null ? true : can(regex("^https?://[^/]+/.+", var.url))
    error_message = "The URL has to begin with http:// or https:// and to name a file."
  }
}

variable "source_file" {
  description = "Path of the file on the machine that runs this configuration, which sends it to the nodes."
  type        = string
  default     = null
}

variable "checksum" {
  description = "Checksum of the file as it is published, such as `sha512:` and its hexadecimal digits. Needed with `url`, unless `allow_unverified` is set."
  type        = string
  default     = null

  validation {
    condition     = var.checksum == null ? true : can(regex("^(md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}|sha224:[0-9a-f]{56}|sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$", lower(var.checksum)))
    error_message = "The checksum has to be an algorithm (`md5`, `sha1`, `sha224`, `sha256`, `sha384` or `sha512`), `:` and all hexadecimal digits."
  }
}

variable "allow_unverified" {
  description = "Whether a file from `url` may be taken as it comes, without a checksum."
  type        = bool
  default     = false
  nullable    = false
}

variable "compression" {
  description = "Compression that is taken off on the way: `gz`, `bz2`, `xz`, `zst` or `lzo`."
  type        = string
  default     = null

  validation {
    condition     = var.compression == null ? true : contains(["gz", "bz2", "xz", "zst", "lzo"], var.compression)
    error_message = "The compression has to be `gz`, `bz2`, `xz`, `zst` or `lzo`."
  }
}

variable "file_name" {
  description = "Name of the file on the storage, with the ending of its format; by default that of `url` or `source_file`."
  type        = string
  default     = null

  validation {
    condition     = var.file_name == null ? true : can(regex("^[A-Za-z0-9_.-]+[.](qcow2|raw|vmdk|ova|iso|img|tar[.](gz|xz|zst))$", var.file_name))
    error_message = "The name has to be letters, digits, `-`, `_` and `.`, and to end like its format: `.qcow2`, `.raw`, `.vmdk` or `.ova`; `.iso` or `.img`; `.tar.gz`, `.tar.xz` or `.tar.zst`."
  }
}

variable "verify_certificate" {
  description = "Whether the certificate of an HTTPS server is verified; Proxmox VE does so by default."
  type        = bool
  default     = null
}
