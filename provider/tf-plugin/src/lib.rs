//! The wire shim between a CLI and `tf-framework`: so far only the generated messages and services.

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

/// Plugin protocol 6.
#[allow(missing_docs, clippy::all)]
pub mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}
