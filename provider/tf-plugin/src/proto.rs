//! The generated messages and services.

/// The services of go-plugin.
pub(crate) mod plugin {
    tonic::include_proto!("plugin");
}

/// The gRPC health service.
pub(crate) mod health {
    tonic::include_proto!("grpc.health.v1");
}

/// Plugin protocol 6.
pub(crate) mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}
