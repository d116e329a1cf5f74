//! Connections: accepted, bounded, drained.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws::http::{Body, Peer};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::front_door::FrontDoor;
use crate::lingering::{Lingering, Unread};

/// Bounds on what strangers can hold open.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: usize,
    /// How long a client may take to send its headers.
    pub header_timeout: Duration,
    /// How long calls in progress may go on after the server was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096, header_timeout: Duration::from_secs(30), drain: Duration::from_secs(8) }
    }
}

/// Serves until `stop` is ready, then lets calls in progress end, for as long as the limits say.
pub async fn serve(
    listener: TcpListener,
    door: Arc<FrontDoor>,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(30)));
    tokio::pin!(stop);
    loop {
        let place = tokio::select! {
            () = &mut stop => break,
            place = places.clone().acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: those in use must end first.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let connection = connection(&builder, stream, address, door.clone());
        let watched = graceful.watch(connection);
        let metrics = door.metrics.clone();
        metrics.connection_opened();
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, %address, "a connection broke off");
            }
            metrics.connection_closed();
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            seconds = limits.drain.as_secs(),
            "calls were still in progress when the server stopped"
        );
    }
}

fn connection(
    builder: &auto::Builder<TokioExecutor>,
    stream: TcpStream,
    address: SocketAddr,
    door: Arc<FrontDoor>,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = impl std::fmt::Display> + Send + 'static {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let peer = Peer { ip: address.ip(), secure_transport: false };
    let unread = Unread::default();
    let stream = Lingering::new(stream, unread.clone());
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (door, unread) = (door.clone(), unread.clone());
        async move {
            let is_http1 = request.version() < http::Version::HTTP_2;
            let request = request.map(|body| -> Body { unread.watch(body).boxed_unsync() });
            let mut response = door.handle(request, peer).await;
            // Requests of HTTP/2 share a connection and end by themselves.
            if is_http1 {
                unread.tell(&mut response);
            }
            Ok::<_, Infallible>(response)
        }
    });
    builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned()
}
