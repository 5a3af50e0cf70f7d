use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool {
    /// What it is made from.
    #[schema(create_only)]
    source: String,
}

fn main() {}
