//! The generated messages and clients.

/// The services of go-plugin.
pub mod plugin {
    tonic::include_proto!("plugin");
}

/// The gRPC health service.
pub mod health {
    tonic::include_proto!("grpc.health.v1");
}

/// Plugin protocol 6.
pub mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}
