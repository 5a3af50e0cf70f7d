use tf_framework::prelude::*;

#[derive(Object)]
struct Disk {
    size_gib: i64,
}

fn main() {}
