use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool", version = "one")]
struct Pool {
    /// Name of the pool.
    name: String,
}

fn main() {}
