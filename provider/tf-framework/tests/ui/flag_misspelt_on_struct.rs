use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(nam = "pve_pool", name = "pve_pool")]
struct Pool {
    /// Name of the pool.
    name: String,
}

fn main() {}
