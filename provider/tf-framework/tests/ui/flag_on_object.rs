use tf_framework::prelude::*;

#[derive(Object)]
#[schema(name = "disk")]
struct Disk {
    /// Size of the disk.
    size_gib: i64,
}

fn main() {}
