//! Calls over the wire to an endpoint elsewhere: an AWS account, or another server that speaks its API.
//!
//! The same typed operations as [`Client`](crate::Client), encoded in the service's protocol and signed. A call
//! is sent once: whoever calls knows whether it may be repeated.

mod decode;
mod encode;
mod objects;
mod transport;
mod upgrade;

pub use decode::{decode_error, decode_output};
pub use encode::{EncodedRequest, encode};
pub use transport::Transport;
pub use upgrade::Stream;

use crate::credentials::Credentials;
use crate::error::Error;
use crate::names::Region;
use crate::operation::Operation;
use crate::sigv4::sign::{sign, sign_hashed};
use crate::sigv4::verify::body_hash;
use crate::timestamp::Timestamp;

/// One endpoint and the identity that calls it. Cheap to clone: connections are shared.
#[derive(Clone)]
pub struct Remote {
    endpoint: http::Uri,
    region: Region,
    /// None: what goes is not signed.
    credentials: Option<Credentials>,
    transport: Transport,
}

/// Why there is no client for an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error("`{0}` is no endpoint: it must be a URL like http://127.0.0.1:4000")]
    Url(String),
    #[error("the certificates to trust could not be read: {0}")]
    Certificates(std::io::Error),
}

impl Remote {
    /// `endpoint` is an `http` or `https` URL, with a path in front of the API's where it has one.
    pub fn new(endpoint: &str, region: Region, credentials: Credentials) -> Result<Self, EndpointError> {
        Self::of(endpoint, region, Some(credentials))
    }

    /// As [`Remote::new`], for requests that are not signed: whoever makes them is known otherwise, or is nobody.
    pub fn unsigned(endpoint: &str, region: Region) -> Result<Self, EndpointError> {
        Self::of(endpoint, region, None)
    }

    fn of(endpoint: &str, region: Region, credentials: Option<Credentials>) -> Result<Self, EndpointError> {
        let url = || EndpointError::Url(endpoint.to_owned());
        let endpoint: http::Uri = endpoint.parse().map_err(|_| url())?;
        if endpoint.authority().is_none() || endpoint.query().is_some() {
            return Err(url());
        }
        let transport = match endpoint.scheme_str() {
            Some("http") => Transport::plain(),
            Some("https") => Transport::tls_of_clients().map_err(EndpointError::Certificates)?,
            Some(_) | None => return Err(url()),
        };
        Ok(Self { endpoint, region, credentials, transport })
    }

    /// The same endpoint for calls in another region.
    #[must_use]
    pub fn in_region(mut self, region: Region) -> Self {
        self.region = region;
        self
    }

    /// Errors: what the endpoint answered; `ServiceUnavailable` (503) where it cannot be reached, and
    /// `RequestTimeout` (503) where it does not answer in time: the call may have happened or not.
    pub async fn call<O: Operation>(&self, input: O) -> Result<O::Output, Error> {
        let (service, model) = (O::SERVICE, O::MODEL);
        let encoded = encode(service, model, &input)?;
        let request = self.signed(service.signing_name, encoded).map_err(Error::internal)?;
        let (parts, body) = self.transport.send(request).await?.into_parts();
        if parts.status.as_u16() >= 300 {
            return Err(decode_error(service, &parts, &body));
        }
        decode_output::<O>(&parts, &body).map_err(|error| {
            let message = format!("The answer of {} could not be read: {error}", self.endpoint);
            Error::new("SerializationException", message).with_status(502)
        })
    }

    /// Posts bytes to a path of the endpoint that belongs to no operation, signed in a service's name with the hash of the
    /// body as a header. Gives the answer whatever its status is. Errors: `ServiceUnavailable` and `RequestTimeout` (503).
    pub async fn post(
        &self,
        signing_name: &str,
        target: &str,
        headers: &[(&'static str, &str)],
        body: bytes::Bytes,
    ) -> Result<http::Response<bytes::Bytes>, Error> {
        let hash = body_hash(&body);
        let uri = self.uri(target).map_err(Error::internal)?;
        let mut request = http::Request::post(uri).header("x-amz-content-sha256", &hash);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, body) = request.body(body).map_err(Error::internal)?.into_parts();
        let (region, now) = (self.region.as_str(), Timestamp::now());
        if let Some(credentials) = &self.credentials {
            sign_hashed(&mut parts, &hash, credentials, region, signing_name, now)
                .map_err(Error::internal)?;
        }
        self.transport.send(http::Request::from_parts(parts, body)).await
    }

    /// Gets a path of the endpoint that belongs to no operation, unsigned, with a token of its own in `Authorization`.
    /// Gives the answer whatever its status is. Errors: `ServiceUnavailable` and `RequestTimeout` (503).
    pub async fn get(
        &self,
        target: &str,
        mut token: http::HeaderValue,
    ) -> Result<http::Response<bytes::Bytes>, Error> {
        token.set_sensitive(true);
        let request = http::Request::get(self.uri(target).map_err(Error::internal)?)
            .header(http::header::AUTHORIZATION, token)
            .body(bytes::Bytes::new())
            .map_err(Error::internal)?;
        self.transport.send(request).await
    }

    fn signed(
        &self,
        signing_name: &str,
        encoded: EncodedRequest,
    ) -> Result<http::Request<bytes::Bytes>, http::Error> {
        let uri = self.uri(&encoded.target)?;
        let mut request = http::Request::builder().method(encoded.method).uri(uri);
        for (name, value) in &encoded.headers {
            request = request.header(name, value.as_bytes());
        }
        let (mut parts, body) = request.body(encoded.body)?.into_parts();
        if let Some(credentials) = &self.credentials {
            sign(&mut parts, &body, credentials, self.region.as_str(), signing_name, Timestamp::now())?;
        }
        Ok(http::Request::from_parts(parts, body))
    }

    /// `target` is a path below the endpoint's, with its query.
    fn uri(&self, target: &str) -> Result<http::Uri, http::Error> {
        let base = self.endpoint.path().trim_end_matches('/');
        http::Uri::builder()
            .scheme(self.endpoint.scheme_str().unwrap_or("https"))
            .authority(self.endpoint.authority().map_or("", |authority| authority.as_str()))
            .path_and_query(format!("{base}{target}"))
            .build()
    }
}
