//! The wire shim between a CLI and `tf-framework`: so far only the generated go-plugin and health services.

/// The services of go-plugin.
#[allow(missing_docs, clippy::all)]
pub mod plugin {
    tonic::include_proto!("plugin");
}

/// The gRPC health service.
#[allow(missing_docs, clippy::all)]
pub mod health {
    tonic::include_proto!("grpc.health.v1");
}
