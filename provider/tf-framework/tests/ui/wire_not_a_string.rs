use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool {
    /// Name of the pool.
    #[schema(wire = 1)]
    name: String,
}

fn main() {}
