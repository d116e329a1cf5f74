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
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::front_door::FrontDoor;
use crate::lingering::{Lingering, Unread};
use crate::tls::Tls;

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

/// Serves until `stop` is ready, over TLS if there is a certificate. Then it lets calls in progress end, for as long as
/// the limits say.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
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
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let (builder, tls, door, watcher) = (builder.clone(), tls.clone(), door.clone(), graceful.watcher());
        let metrics = door.metrics.clone();
        metrics.connection_opened();
        tokio::spawn(async move {
            let ended = match tls {
                None => watcher.watch(connection(&builder, stream, address, false, door)).await,
                Some(tls) => match tls.accept(stream).await {
                    Some(stream) => watcher.watch(connection(&builder, stream, address, true, door)).await,
                    None => Ok(()),
                },
            };
            if let Err(error) = ended {
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

fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    builder: &auto::Builder<TokioExecutor>,
    stream: S,
    address: SocketAddr,
    secure_transport: bool,
    door: Arc<FrontDoor>,
) -> impl GracefulConnection<Error = Box<dyn std::error::Error + Send + Sync>> + Send + 'static {
    let peer = Peer { ip: address.ip(), secure_transport };
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
