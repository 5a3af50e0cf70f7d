//! Compiles the wire definitions without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    println!("cargo:rerun-if-changed={folder}");
    let files = protox::compile(["tfplugin6.proto", "plugin.proto", "health.proto"], [folder])?;
    tonic_prost_build::configure()
        .build_client(false)
        // Ordered maps: the schema is the same bytes from every process.
        .btree_map(".")
        // Messages are nested in empty ones that only give them a name, and that nobody makes.
        .message_attribute(".tfplugin6", "#[allow(dead_code)]")
        .compile_fds(files)?;
    Ok(())
}
