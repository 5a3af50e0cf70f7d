use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool {
    /// Name of the pool.
    #[schema(keep)]
    name: String,
}

fn main() {}
