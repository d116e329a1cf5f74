//! Bodies in chunks (`aws-chunked`), unpacked where signatures are not checked. Where they are, the crate `s3s`
//! does it, and verifies each chunk.
//! Source: Amazon S3 API Reference, "Transferring Payload in Multiple Chunks (Chunked Upload)".

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aws::http::{Body, BodyError};
use bytes::{Buf, Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::Frame;
use http_body_util::BodyExt;

/// In bytes: the longest line before a chunk or in a trailer.
const LONGEST_LINE: usize = 8 * 1024;
const MOST_TRAILERS: usize = 16;

/// The headers that came after a body, there once it was read.
#[derive(Clone, Debug, Default)]
pub struct Trailers(Arc<Mutex<HeaderMap>>);

impl Trailers {
    pub fn get(&self, name: &str) -> Option<String> {
        let headers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(headers.get(name)?.to_str().ok()?.to_owned())
    }
}

#[derive(Debug, thiserror::Error)]
enum ChunkError {
    /// The word by which [`content`](crate::content) knows it.
    #[error("FormatError: the body is not in chunks as it says")]
    Format,
    #[error("Incomplete: the body ends before its last chunk")]
    Incomplete,
}

/// Unpacks a body in chunks and leaves others alone.
pub fn unpack(parts: &mut Parts, body: Body) -> Body {
    let hash = parts.headers.remove("x-amz-content-sha256");
    let in_chunks = hash.is_some_and(|value| value.as_bytes().starts_with(b"STREAMING-"));
    if !in_chunks {
        return body;
    }
    match parts.headers.get("x-amz-decoded-content-length").cloned() {
        Some(length) => parts.headers.insert(header::CONTENT_LENGTH, length),
        None => parts.headers.remove(header::CONTENT_LENGTH),
    };
    let trailers = Trailers::default();
    parts.extensions.insert(trailers.clone());
    Unpacked { inner: body, buffer: BytesMut::new(), state: State::Size, trailers }.boxed_unsync()
}

struct Unpacked {
    inner: Body,
    buffer: BytesMut,
    state: State,
    trailers: Trailers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the line with a chunk's size.
    Size,
    /// Within a chunk of which so many bytes are left.
    Data(u64),
    /// Before the line end after a chunk.
    DataEnd,
    /// After the last chunk.
    Trailers(usize),
    Done,
}

impl Unpacked {
    /// What the buffer holds: `None` when more must be read first.
    fn step(&mut self) -> Result<Option<Bytes>, ChunkError> {
        loop {
            match self.state {
                State::Size => {
                    let Some(line) = self.line()? else { return Ok(None) };
                    let digits = line.split(';').next().unwrap_or_default();
                    let size = u64::from_str_radix(digits.trim(), 16).map_err(|_| ChunkError::Format)?;
                    self.state = if size == 0 { State::Trailers(0) } else { State::Data(size) };
                }
                State::Data(left) => {
                    let take = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    if take == 0 {
                        return Ok(None);
                    }
                    let left = left - u64::try_from(take).unwrap_or_default();
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok(Some(self.buffer.split_to(take).freeze()));
                }
                State::DataEnd => {
                    let Some(line) = self.line()? else { return Ok(None) };
                    if !line.is_empty() {
                        return Err(ChunkError::Format);
                    }
                    self.state = State::Size;
                }
                State::Trailers(count) => {
                    let Some(line) = self.line()? else { return Ok(None) };
                    if line.is_empty() {
                        self.state = State::Done;
                    } else if count == MOST_TRAILERS {
                        return Err(ChunkError::Format);
                    } else {
                        self.keep_trailer(&line)?;
                        self.state = State::Trailers(count + 1);
                    }
                }
                State::Done => return Ok(None),
            }
        }
    }

    /// The next line, without its end; `None` when it is not there yet.
    fn line(&mut self) -> Result<Option<String>, ChunkError> {
        let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") else {
            return if self.buffer.len() > LONGEST_LINE { Err(ChunkError::Format) } else { Ok(None) };
        };
        let line = self.buffer.split_to(end);
        self.buffer.advance(2);
        String::from_utf8(line.to_vec()).map(Some).map_err(|_| ChunkError::Format)
    }

    fn keep_trailer(&mut self, line: &str) -> Result<(), ChunkError> {
        let (name, value) = line.split_once(':').ok_or(ChunkError::Format)?;
        let name: HeaderName = name.trim().parse().map_err(|_| ChunkError::Format)?;
        let value: HeaderValue = value.trim().parse().map_err(|_| ChunkError::Format)?;
        self.trailers.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, value);
        Ok(())
    }
}

impl http_body::Body for Unpacked {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match self.step() {
                Ok(Some(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
            match ready!(http_body::Body::poll_frame(Pin::new(&mut self.inner), cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                // The line end after the trailers may be left out.
                None if matches!(self.state, State::Done | State::Trailers(_)) => return Poll::Ready(None),
                None => return Poll::Ready(Some(Err(ChunkError::Incomplete.into()))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::StreamBody;

    use super::*;

    async fn unpacked(pieces: Vec<&'static str>) -> (Result<Bytes, BodyError>, Trailers) {
        let frames = pieces.into_iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
        let body: Body =
            StreamBody::new(stream::iter(frames.collect::<Vec<Result<_, BodyError>>>())).boxed_unsync();
        let request = http::Request::put("/b/k")
            .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("x-amz-decoded-content-length", "5")
            .body(())
            .unwrap();
        let (mut parts, ()) = request.into_parts();
        let body = unpack(&mut parts, body);
        let bytes = body.collect().await.map(http_body_util::Collected::to_bytes);
        (bytes, parts.extensions.get::<Trailers>().cloned().unwrap())
    }

    #[tokio::test]
    async fn chunks_and_trailers_are_unpacked_wherever_they_are_cut() {
        let whole = "3;chunk-signature=ab\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
        for cut in 1..whole.len() - 1 {
            let (first, second) = whole.split_at(cut);
            let (bytes, trailers) = unpacked(vec![first, second]).await;
            assert_eq!(bytes.unwrap(), "hello");
            assert_eq!(trailers.get("x-amz-checksum-crc32").as_deref(), Some("NhCmhg=="));
        }
    }

    #[tokio::test]
    async fn what_is_not_in_chunks_is_refused() {
        for body in ["hello", "zz\r\n", "3\r\nhelXX", "3\r\nhe", ""] {
            assert!(unpacked(vec![body]).await.0.is_err(), "{body:?}");
        }
    }
}
