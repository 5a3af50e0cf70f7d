use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool {
    /// Free text.
    #[schema(default = "none")]
    comment: Option<String>,
}

fn main() {}
