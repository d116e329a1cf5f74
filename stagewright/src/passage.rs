//! Where builds of this machine fetch their role's credentials: a port of the loopback.
//!
//! SDKs fetch credentials over plain HTTP from the loopback alone, and over HTTPS only with the authorities that they bring
//! along. The server's address may be neither. Who may have which credentials is decided by the token of the build.

use std::convert::Infallible;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws::http::{Body, HttpService, Peer, empty, full};
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

/// Who has the credentials.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// Those of a build, or why it gets none.
    async fn fetch(&self, build: Uuid, token: HeaderValue) -> Response<Body>;
}

pub struct Passage {
    listener: TcpListener,
    address: SocketAddr,
}

impl Passage {
    /// On the port that `file` names, which builds know that have outlived this program; on another one if somebody has that.
    pub async fn open(file: &Path) -> std::io::Result<Self> {
        let before = fs::read_to_string(file).ok().and_then(|port| port.parse::<u16>().ok());
        let on = |port: u16| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let listener = match on(before.unwrap_or(0)).await {
            Err(error) if before.is_some() => {
                tracing::warn!(%error, "builds of before can fetch no credentials any more");
                on(0).await
            }
            listener => listener,
        }?;
        let address = listener.local_addr()?;
        fs::write(file, address.port().to_string())?;
        Ok(Self { listener, address })
    }

    /// `http://127.0.0.1:40123`
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until it is dropped.
    pub async fn serve(&self, credentials: Arc<dyn Credentials>) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let credentials = credentials.clone();
                    tokio::spawn(async move {
                        // The client notices.
                        let _broken = tokio::time::timeout(LONGEST, connection(stream, credentials)).await;
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

async fn connection(stream: TcpStream, credentials: Arc<dyn Credentials>) -> Result<(), hyper::Error> {
    let service = service_fn(move |request: Request<Incoming>| {
        let credentials = credentials.clone();
        async move { Ok::<_, Infallible>(answer(&*credentials, &request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
    builder.serve_connection(TokioIo::new(stream), service).await
}

async fn answer(credentials: &dyn Credentials, request: &Request<Incoming>) -> Response<Body> {
    let build = request.uri().path().strip_prefix(codebuild::CredentialsEndpoint::PREFIX);
    let build = build.and_then(|id| id.parse::<Uuid>().ok());
    let token = request.headers().get(header::AUTHORIZATION).cloned();
    match (request.method().clone(), build, token) {
        (Method::GET, Some(build), Some(token)) => credentials.fetch(build, token).await,
        _ => refused(StatusCode::FORBIDDEN, "Builds fetch their credentials here, and nothing else."),
    }
}

/// An answer in the form in which SDKs look for a reason.
pub fn refused(status: StatusCode, message: &str) -> Response<Body> {
    told(status, full(serde_json::json!({ "code": "AccessDenied", "message": message }).to_string()))
}

pub fn told(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Those of this server's own builds.
#[async_trait]
impl Credentials for codebuild::CredentialsEndpoint {
    async fn fetch(&self, build: Uuid, token: HeaderValue) -> Response<Body> {
        let mut request = Request::new(empty());
        let Ok(target) = Self::address("", build).parse() else {
            return refused(StatusCode::FORBIDDEN, "There is no such build.");
        };
        *request.uri_mut() = target;
        request.headers_mut().insert(header::AUTHORIZATION, token);
        let peer = Peer { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), secure_transport: false };
        self.handle(request, peer).await
    }
}
