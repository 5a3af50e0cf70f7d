use tf_framework::prelude::*;

#[derive(Schema)]
struct Pool {
    #[schema(replaces)]
    name: String,
}

fn main() {}
