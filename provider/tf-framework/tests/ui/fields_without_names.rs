use tf_framework::prelude::*;

/// A pool.
#[derive(Schema)]
#[schema(name = "pve_pool")]
struct Pool(String);

fn main() {}
