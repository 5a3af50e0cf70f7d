use tf_framework::prelude::*;

#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool {
    /// Name of the pool.
    name: String,
}

fn main() {}
