use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool {
    /// Free text.
    comment: Computed<Option<String>>,
}

fn main() {}
