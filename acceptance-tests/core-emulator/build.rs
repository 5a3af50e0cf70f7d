//! Compiles the client side of the wire definitions without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    println!("cargo:rerun-if-changed={folder}");
    let files = protox::compile(["tfplugin6.proto", "plugin.proto", "health.proto"], [folder])?;
    tonic_prost_build::configure().build_server(false).btree_map(".").compile_fds(files)?;
    Ok(())
}
