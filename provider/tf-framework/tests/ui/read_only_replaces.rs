use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool {
    /// Its number.
    #[schema(replace)]
    number: Computed<i64>,
}

fn main() {}
