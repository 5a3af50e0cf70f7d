use tf_framework::prelude::*;

/// A kind.
#[derive(Object)]
enum Kind {
    Qemu,
}

fn main() {}
