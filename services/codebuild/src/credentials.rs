//! The endpoint from which a build fetches its role's credentials, as SDKs do in containers
//! (`AWS_CONTAINER_CREDENTIALS_FULL_URI`). Each build has a token of its own, good until it ends.

use std::sync::Arc;

use async_trait::async_trait;
use aws::http::{HttpService, Peer, Request, Response, full};
use http::{Method, StatusCode, header, request::Parts};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{CodeBuild, records::Build, role::Role};

/// The part of the front door that answers builds.
pub struct CredentialsEndpoint {
    codebuild: Arc<CodeBuild>,
}

/// A new token, and what is stored of it.
pub fn new_token() -> (String, String) {
    let token = hex::encode(rand::random::<[u8; 32]>());
    let hash = hash(&token);
    (token, hash)
}

pub(crate) fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

impl CredentialsEndpoint {
    /// Below it are the builds.
    pub const PREFIX: &'static str = "/codebuild/credentials/";

    pub fn new(codebuild: Arc<CodeBuild>) -> Self {
        Self { codebuild }
    }

    /// Where those of a build are, below an origin such as `http://127.0.0.1:4000`.
    pub fn address(origin: &str, build: Uuid) -> String {
        format!("{}{}{build}", origin.trim_end_matches('/'), Self::PREFIX)
    }

    async fn answer(&self, request: &Parts) -> Result<Value, (StatusCode, &'static str, String)> {
        let refused =
            || (StatusCode::FORBIDDEN, "AccessDenied", "This token is not good for this build.".to_owned());
        if request.method != Method::GET {
            let message = "Credentials can only be fetched.".to_owned();
            return Err((StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message));
        }
        let uuid = request.uri.path().strip_prefix(Self::PREFIX).and_then(|id| id.parse::<Uuid>().ok());
        let token = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (Some(uuid), Some(token)) = (uuid, token) else { return Err(refused()) };
        let build = self.codebuild.build_with_uuid(uuid).await.map_err(|error| {
            let error = aws::Error::internal(error);
            (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", error.message)
        })?;
        let build = build.filter(|build| admits(build, token)).ok_or_else(refused)?;
        let role_arn = build.configuration.0.service_role.clone().unwrap_or_default();
        let credentials = Role::of(&self.codebuild.client, &build).credentials().await.map_err(|error| {
            match error.is_fault() {
                true => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", error.message),
                false => (StatusCode::BAD_REQUEST, "AccessDenied", error.message),
            }
        })?;
        Ok(json!({
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key.reveal(),
            "Token": credentials.session_token.as_ref().map(aws::Secret::reveal),
            "Expiration": credentials.expires_at.map(aws::Timestamp::to_iso8601_secs),
            "RoleArn": role_arn,
        }))
    }
}

fn admits(build: &Build, token: &str) -> bool {
    !build.is_complete()
        && build
            .credentials_token
            .as_ref()
            .is_some_and(|known| known.as_bytes().ct_eq(hash(token).as_bytes()).into())
}

#[async_trait]
impl HttpService for CredentialsEndpoint {
    async fn handle(&self, request: Request, _peer: Peer) -> Response {
        let (status, body) = match self.answer(&request.into_parts().0).await {
            Ok(credentials) => (StatusCode::OK, credentials),
            Err((status, code, message)) => (status, json!({"code": code, "message": message})),
        };
        let mut response = Response::new(full(body.to_string()));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        response
    }
}

impl CodeBuild {
    /// A build that has not ended, by the part of its id that is unique everywhere.
    async fn build_with_uuid(&self, uuid: Uuid) -> Result<Option<Build>, store::Error> {
        let found = self.store.read(move |tx| {
            let key = store::Key::of(uuid.to_string());
            let found = tx.scan_index::<Build>(Build::UUID, key, 1)?;
            Ok::<_, store::Error>(found.into_records().pop())
        });
        found.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{
        Change,
        tests::{at, build},
    };

    #[test]
    fn token_admits_to_its_build_while_it_runs() {
        let (token, hash) = new_token();
        let mut build = build();
        assert!(!admits(&build, &token));
        build.apply(Change::CredentialsToken(hash));
        assert!(admits(&build, &token));
        assert!(!admits(&build, &new_token().0));
        build.apply(Change::Complete { at: at(1) });
        assert!(!admits(&build, &token));
    }

    #[test]
    fn id_is_in_the_address() {
        assert_eq!(
            CredentialsEndpoint::address("http://127.0.0.1:4000/", Uuid::nil()),
            "http://127.0.0.1:4000/codebuild/credentials/00000000-0000-0000-0000-000000000000"
        );
    }
}
