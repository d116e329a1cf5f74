//! Where builds of this worker fetch their role's credentials: a port of the loopback that passes the request on.
//!
//! SDKs fetch credentials over plain HTTP from the loopback alone, and over HTTPS only with the authorities that they bring
//! along. The server may be neither; this worker reaches it as its operator has set it up. Who may have which credentials
//! is the server's to say, by the token of the build.

use std::convert::Infallible;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws::Remote;
use aws::http::{Body, full};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use uuid::Uuid;

const MOST_CONNECTIONS: usize = 256;
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// The life of a connection, whatever it does: credentials are fetched once in a while.
const LONGEST: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);

pub struct Passage {
    listener: TcpListener,
    address: SocketAddr,
}

impl Passage {
    /// On the port of before, which builds know that have outlived a worker; on another one if somebody has that.
    pub async fn open(data: &Path) -> std::io::Result<Self> {
        let file = data.join("port");
        let before = fs::read_to_string(&file).ok().and_then(|port| port.parse::<u16>().ok());
        let on = |port: u16| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let listener = match on(before.unwrap_or(0)).await {
            Err(error) if before.is_some() => {
                tracing::warn!(%error, "builds of before can fetch no credentials any more");
                on(0).await
            }
            listener => listener,
        }?;
        let address = listener.local_addr()?;
        fs::write(&file, address.port().to_string())?;
        Ok(Self { listener, address })
    }

    /// Where the credentials of a build are.
    pub fn of(&self, build: Uuid) -> String {
        format!("http://{}{}{build}", self.address, codebuild::CredentialsEndpoint::PREFIX)
    }

    /// Serves until it is dropped.
    pub async fn serve(&self, server: Remote) {
        let server = Arc::new(server);
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let server = server.clone();
                    tokio::spawn(async move {
                        // The client notices.
                        let _broken = tokio::time::timeout(LONGEST, connection(stream, server)).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a build's connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, server: Arc<Remote>) -> Result<(), hyper::Error> {
    let service = service_fn(move |request: Request<Incoming>| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(pass(&server, &request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
    builder.serve_connection(TokioIo::new(stream), service).await
}

async fn pass(server: &Remote, request: &Request<Incoming>) -> Response<Body> {
    let answer = |status, body: bytes::Bytes| {
        let mut response = Response::new(full(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    };
    let refused = |status, message: &str| {
        answer(status, serde_json::json!({ "code": "AccessDenied", "message": message }).to_string().into())
    };
    let build = request.uri().path().strip_prefix(codebuild::CredentialsEndpoint::PREFIX);
    let build = build.and_then(|id| id.parse::<Uuid>().ok());
    let token = request.headers().get(header::AUTHORIZATION).cloned();
    let (Method::GET, Some(build), Some(token)) = (request.method().clone(), build, token) else {
        return refused(StatusCode::FORBIDDEN, "Builds fetch their credentials here, and nothing else.");
    };
    let target = format!("{}{build}", codebuild::CredentialsEndpoint::PREFIX);
    match server.get(&target, token).await {
        Ok(fetched) => answer(fetched.status(), fetched.into_body()),
        Err(error) => refused(StatusCode::SERVICE_UNAVAILABLE, &error.message),
    }
}
