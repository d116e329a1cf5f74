//! Connections that end while the client still sends.
//!
//! A call can be answered before its body has been read: it is refused by what stands in its headers, or is too large.
//! The connection has to end then, but not at once: data that arrives at a closed socket makes the system tell the
//! client that the connection was broken, and the answer that is still under way to it is thrown away. So the server
//! says that it sends no more, and reads on for a moment without looking at what comes. Source: RFC 9112, section 9.6.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws::http::BodyError;
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// For how long at most. A client on a slow line may lose its answer then.
const PATIENCE: Duration = Duration::from_secs(2);
const CHUNK_BYTES: usize = 16 * 1024;

/// Whether the body of the last request on a connection was let go before its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    /// The body of the next request on the connection, which is noted if it is dropped before its end.
    pub fn watch(&self, body: Incoming) -> Watched {
        self.0.store(false, Ordering::Relaxed);
        Watched { body, ended: false, unread: self.clone() }
    }

    /// Says in the answer that the connection ends with it: the client could not use it for another request.
    pub fn tell<B>(&self, response: &mut http::Response<B>) {
        if self.0.load(Ordering::Relaxed) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

pub(crate) struct Watched {
    body: Incoming,
    ended: bool,
    unread: Unread,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.ended = frame.is_none();
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Only a body of known length says that it has ended before it is asked once more.
        if !self.ended && !self.body.is_end_stream() {
            self.unread.0.store(true, Ordering::Relaxed);
        }
    }
}

/// A stream whose shutdown reads on for a moment where something was left unread.
pub(crate) struct Lingering<S> {
    stream: S,
    unread: Unread,
    /// Set once nothing more is sent.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S> Lingering<S> {
    pub fn new(stream: S, unread: Unread) -> Self {
        Self { stream, unread, patience: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Ready when the client has ended its side too, or patience with it is over.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.patience.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        if !this.unread.0.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let patience = this.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        let mut chunk = [std::mem::MaybeUninit::uninit(); CHUNK_BYTES];
        // A client that sends faster than this reads does not make `patience` be polled.
        while patience.deadline() > Instant::now() {
            let mut buffer = ReadBuf::uninit(&mut chunk);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return patience.as_mut().poll(cx).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn left_unread() -> Unread {
        let unread = Unread::default();
        unread.0.store(true, Ordering::Relaxed);
        unread
    }

    #[tokio::test]
    async fn what_a_client_still_sends_is_read_until_it_ends() {
        let (mut client, server) = duplex(1024);
        let closing = tokio::spawn(async move {
            let mut server = Lingering::new(server, left_unread());
            server.write_all(b"no").await.unwrap();
            server.shutdown().await.unwrap();
        });
        client.write_all(&[0; 100_000]).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "no");
        drop(client);
        closing.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_is_left_after_a_while() {
        let (_client, server) = duplex(1024);
        let began = Instant::now();
        Lingering::new(server, left_unread()).shutdown().await.unwrap();
        assert!(began.elapsed() >= PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_where_everything_was_read() {
        let (_client, server) = duplex(1024);
        let began = Instant::now();
        Lingering::new(server, Unread::default()).shutdown().await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
