use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool {
    /// When it was made.
    made: std::time::Duration,
}

fn main() {}
