use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool {
    /// Password.
    #[schema(write_only)]
    password_wo: String,
}

fn main() {}
