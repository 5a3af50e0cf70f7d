use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
struct Pool {
    /// Name of the pool.
    name: String,
}

fn main() {}
