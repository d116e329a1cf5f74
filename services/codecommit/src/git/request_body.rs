//! The body of a git request, decompressed as it streams in.

use std::io::Write;
use std::time::Duration;

use aws::http::Body;
use bytes::{Buf, Bytes};
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;

/// How much compressed input is decoded at once; deflate grows at most a thousandfold, so this bounds the output.
const COMPRESSED_AT_ONCE: usize = 4 * 1024;
/// A client that sends nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(300);

/// Pulled chunk by chunk, so that a slow reader slows the sender down.
pub struct RequestBody {
    body: Body,
    compressed: Option<Decoder>,
    /// Bytes that were read but not asked for yet.
    pushed_back: Bytes,
}

struct Decoder {
    gzip: MultiGzDecoder<Vec<u8>>,
    input: Bytes,
    finished: bool,
}

/// The client's fault, or the connection's.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the request body could not be read: {0}")]
    Connection(String),
    #[error("the request body is not valid gzip: {0}")]
    Gzip(std::io::Error),
    #[error("nothing was received for {} s", IDLE.as_secs())]
    Idle,
    #[error("the request body ended too early")]
    Truncated,
}

impl RequestBody {
    /// `gzip`: whether the request says `Content-Encoding: gzip`, as git does for long negotiations.
    pub fn new(body: Body, gzip: bool) -> Self {
        let decoder =
            || Decoder { gzip: MultiGzDecoder::new(Vec::new()), input: Bytes::new(), finished: false };
        Self { body, compressed: gzip.then(decoder), pushed_back: Bytes::new() }
    }

    /// The next bytes; `None` at the end. Never an empty chunk.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        if !self.pushed_back.is_empty() {
            return Ok(Some(std::mem::take(&mut self.pushed_back)));
        }
        loop {
            if let Some(decoder) = &mut self.compressed
                && let Some(decoded) = decoder.decode()?
            {
                return Ok(Some(decoded));
            }
            match (received(&mut self.body).await?, &mut self.compressed) {
                (Some(bytes), Some(decoder)) => decoder.input = bytes,
                (Some(bytes), None) => return Ok(Some(bytes)),
                (None, Some(decoder)) => return decoder.finish(),
                (None, None) => return Ok(None),
            }
        }
    }

    /// Gives back bytes that belong to the next reader. Only what the last chunk held may come back.
    pub fn push_back(&mut self, bytes: Bytes) {
        self.pushed_back = bytes;
    }

    /// Exactly `length` bytes. Errors: `Truncated` when the body has fewer left.
    pub async fn exactly(&mut self, length: usize) -> Result<Bytes, BodyError> {
        let mut read = Vec::with_capacity(length);
        while read.len() < length {
            let mut chunk = self.chunk().await?.ok_or(BodyError::Truncated)?;
            let taken = chunk.split_to(chunk.len().min(length - read.len()));
            read.extend_from_slice(&taken);
            self.push_back(chunk);
        }
        Ok(read.into())
    }
}

impl Decoder {
    /// What the input at hand yields; `None` when more of it is needed.
    fn decode(&mut self) -> Result<Option<Bytes>, BodyError> {
        while !self.input.is_empty() {
            let part = &self.input[..self.input.len().min(COMPRESSED_AT_ONCE)];
            let taken = self.gzip.write(part).map_err(BodyError::Gzip)?;
            if taken == 0 {
                return Err(BodyError::Gzip(std::io::ErrorKind::InvalidData.into()));
            }
            self.input.advance(taken);
            let decoded = std::mem::take(self.gzip.get_mut());
            if !decoded.is_empty() {
                return Ok(Some(decoded.into()));
            }
        }
        Ok(None)
    }

    /// The last bytes, after the checksum was found right.
    fn finish(&mut self) -> Result<Option<Bytes>, BodyError> {
        if self.finished {
            return Ok(None);
        }
        self.finished = true;
        self.gzip.try_finish().map_err(BodyError::Gzip)?;
        let decoded = std::mem::take(self.gzip.get_mut());
        Ok((!decoded.is_empty()).then(|| decoded.into()))
    }
}

/// The next data of the body that is not empty.
async fn received(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    loop {
        let frame = tokio::time::timeout(IDLE, body.frame()).await.map_err(|_| BodyError::Idle)?;
        let Some(frame) = frame else { return Ok(None) };
        let frame = frame.map_err(|error| BodyError::Connection(error.to_string()))?;
        match frame.into_data() {
            Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
            // Trailers and empty frames carry nothing for git.
            Ok(_) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    async fn read(mut body: RequestBody) -> Result<Vec<u8>, BodyError> {
        let mut all = Vec::new();
        while let Some(chunk) = body.chunk().await? {
            assert!(!chunk.is_empty());
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn a_plain_body_comes_as_it_is() {
        let body = RequestBody::new(aws::http::full("hello"), false);
        assert_eq!(read(body).await.unwrap(), b"hello");
    }

    #[tokio::test]
    async fn a_compressed_body_is_decoded_in_bounded_pieces() {
        let plain = vec![b'x'; 40_000_000];
        let mut body = RequestBody::new(aws::http::full(gzip(&plain)), true);
        let mut length = 0;
        while let Some(chunk) = body.chunk().await.unwrap() {
            assert!(chunk.len() < 8_000_000, "a piece of {} bytes", chunk.len());
            length += chunk.len();
        }
        assert_eq!(length, plain.len());
    }

    #[tokio::test]
    async fn broken_compression_is_an_error() {
        let body = RequestBody::new(aws::http::full("not gzip at all"), true);
        assert!(matches!(read(body).await, Err(BodyError::Gzip(_))));
        let mut cut = gzip(b"some text that is long enough");
        cut.truncate(cut.len() - 6);
        let body = RequestBody::new(aws::http::full(cut), true);
        assert!(matches!(read(body).await, Err(BodyError::Gzip(_))));
    }

    #[tokio::test]
    async fn exact_lengths_leave_the_rest() {
        let mut body = RequestBody::new(aws::http::full("PACK0123rest"), false);
        assert_eq!(body.exactly(8).await.unwrap(), "PACK0123");
        assert_eq!(body.chunk().await.unwrap().unwrap(), "rest");
        assert!(matches!(body.exactly(1).await, Err(BodyError::Truncated)));
    }
}
