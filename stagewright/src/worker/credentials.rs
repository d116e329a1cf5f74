//! Credentials of this worker's builds, which the server has: asked for as this worker's operator has set the way there up.

use async_trait::async_trait;
use aws::Remote;
use aws::http::{Body, full};
use http::{HeaderValue, Response, StatusCode};
use uuid::Uuid;

use crate::passage::{Credentials, refused, told};

pub struct OfServer(pub Remote);

#[async_trait]
impl Credentials for OfServer {
    async fn fetch(&self, build: Uuid, token: HeaderValue) -> Response<Body> {
        match self.0.get(&codebuild::CredentialsEndpoint::address("", build), token).await {
            Ok(fetched) => told(fetched.status(), full(fetched.into_body())),
            Err(error) => refused(StatusCode::SERVICE_UNAVAILABLE, &error.message),
        }
    }
}
