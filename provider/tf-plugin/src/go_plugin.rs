//! The services that go-plugin expects beside the provider: controller, broker, stdio and health.

use std::pin::Pin;

use futures_util::stream::{self, Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::proto::health::health_check_response::ServingStatus;
use crate::proto::health::health_server::Health;
use crate::proto::health::{HealthCheckRequest, HealthCheckResponse};
use crate::proto::plugin::grpc_broker_server::GrpcBroker;
use crate::proto::plugin::grpc_controller_server::GrpcController;
use crate::proto::plugin::grpc_stdio_server::GrpcStdio;
use crate::proto::plugin::{ConnInfo, Empty, StdioData};

type Held<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// All four services; cloned for each. The token is cancelled when the server is to end.
#[derive(Clone)]
pub(crate) struct GoPlugin {
    end: CancellationToken,
}

impl GoPlugin {
    pub(crate) fn new(end: CancellationToken) -> Self {
        Self { end }
    }

    /// A stream that carries nothing and ends with the server: the client takes an earlier end for a crash.
    fn held<T: Send + 'static>(&self) -> Held<T> {
        stream::pending().take_until(self.end.clone().cancelled_owned()).boxed()
    }
}

#[tonic::async_trait]
impl GrpcController for GoPlugin {
    async fn shutdown(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.end.cancel();
        Ok(Response::new(Empty {}))
    }
}

#[tonic::async_trait]
impl GrpcBroker for GoPlugin {
    type StartStreamStream = Held<ConnInfo>;

    async fn start_stream(
        &self,
        _request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(Response::new(self.held()))
    }
}

#[tonic::async_trait]
impl GrpcStdio for GoPlugin {
    type StreamStdioStream = Held<StdioData>;

    async fn stream_stdio(
        &self,
        _request: Request<Empty>,
    ) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(Response::new(self.held()))
    }
}

#[tonic::async_trait]
impl Health for GoPlugin {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match request.into_inner().service.as_str() {
            "" | "plugin" => Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() })),
            _ => Err(Status::not_found("there is no such service")),
        }
    }
}
