use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool<T> {
    /// Name of the pool.
    name: T,
}

fn main() {}
