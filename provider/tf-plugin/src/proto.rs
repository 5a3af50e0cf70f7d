//! The generated messages and services.

/// The services of go-plugin.
#[expect(clippy::too_many_lines, reason = "generated from the wire definitions")]
pub(crate) mod plugin {
    tonic::include_proto!("plugin");
}

/// The gRPC health service.
#[expect(clippy::too_many_lines, reason = "generated from the wire definitions")]
pub(crate) mod health {
    tonic::include_proto!("grpc.health.v1");
}

/// Plugin protocol 6.
#[expect(clippy::too_many_lines, reason = "generated from the wire definitions")]
pub(crate) mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}
