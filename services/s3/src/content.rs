//! Bytes coming in and going out, in constant memory.

use std::ops::Range;
use std::pin::Pin;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use blob::collection::{self, Ticket};
use blob::{Beside, Blobs, Digest, Intake};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use md5::{Digest as _, Md5};
use store::Store;

use crate::checksums::{self, ChecksumType, Declared, Hasher, StoredChecksum};
use crate::error::Error;
use crate::frontend::Trailers;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body being received.
pub type Incoming = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;
/// A body being sent.
pub type Outgoing = Pin<Box<dyn Stream<Item = Result<Bytes, blob::Error>> + Send>>;

/// What a client says of the bytes that it sends, to be held against them.
#[derive(Default)]
pub struct Expected {
    /// In bytes, where the client said so before.
    pub length: Option<u64>,
    /// In bytes; a longer body is refused while it streams.
    pub limit: u64,
    /// Base64.
    pub content_md5: Option<String>,
    pub checksum: Declared,
    /// Headers that come after the body.
    pub trailers: Option<Trailing>,
}

/// Headers that come after a body; there once it was read.
#[derive(Clone, Debug)]
pub enum Trailing {
    /// Of a body whose chunks were verified.
    Verified(s3s::TrailingHeaders),
    /// Of a body whose chunks were only unpacked, where signatures are not checked.
    Unpacked(Trailers),
}

impl Trailing {
    fn get(&self, name: &str) -> Option<String> {
        match self {
            Self::Verified(headers) => {
                headers.read(|headers| Some(headers.get(name)?.to_str().ok()?.to_owned())).flatten()
            }
            Self::Unpacked(trailers) => trailers.get(name),
        }
    }
}

/// Bytes that are durable and were found as declared.
#[derive(Clone, Debug)]
pub struct Received {
    pub blob: Digest,
    /// With it a record may name the blob.
    pub ticket: Ticket,
    pub size: u64,
    /// The MD5 in hex: the ETag of a plain object or part.
    pub etag: String,
    pub checksum: StoredChecksum,
}

/// A stretch of one blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub blob: Digest,
    pub range: Range<u64>,
}

/// What else than its name is computed of a body.
struct Digests {
    md5: Md5,
    checksum: Hasher,
}

impl Intake for Digests {
    const SWIFT: usize = 32 * 1024;

    fn take(&mut self, pieces: &[Bytes]) -> Result<(), blob::Error> {
        for piece in pieces {
            self.md5.update(piece);
            self.checksum.update(piece);
        }
        Ok(())
    }
}

/// Stores a body. Nothing is kept of one that is not as declared.
/// Errors: `EntityTooLarge`, `IncompleteBody`, `InvalidDigest`, `BadDigest`, `XAmzContentSHA256Mismatch`.
pub async fn receive(
    store: &Store,
    blobs: &Blobs,
    mut body: Incoming,
    mut expected: Expected,
) -> Result<Received, Error> {
    if let Some(length) = expected.length {
        check_size(length, expected.limit)?;
    }
    let content_md5 = expected.content_md5.as_deref().map(decode_md5).transpose()?;
    let algorithm = expected.checksum.algorithm.unwrap_or(checksums::DEFAULT);
    let mut digests = Beside::new(Digests { md5: Md5::new(), checksum: algorithm.hasher() });
    let mut writer = blobs.writer().await?;
    let mut size: u64 = 0;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| refused(&*error))?;
        size += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        check_size(size, expected.limit)?;
        digests.add(piece.clone()).await?;
        writer.write(piece).await?;
    }
    if expected.length.is_some_and(|length| length != size) {
        return Err(Error::IncompleteBody);
    }
    let Digests { md5, checksum } = digests.finish().await?;
    let md5: [u8; 16] = md5.finalize().into();
    if let (Some(given), Some(calculated)) = (&expected.content_md5, content_md5)
        && calculated != md5
    {
        return Err(Error::BadContentMd5 { expected: given.clone(), calculated: BASE64.encode(md5) });
    }
    let checksum = StoredChecksum { algorithm, kind: ChecksumType::FullObject, value: checksum.finish() };
    if let Some(trailing) = &expected.trailers {
        expected.checksum.complete(|name| trailing.get(name))?;
    }
    expected.checksum.verify(&checksum)?;
    let ticket = collection::ticket(store).await?;
    let blob = writer.finish().await?;
    Ok(Received { blob: blob.digest, ticket, size, etag: hex::encode(md5), checksum })
}

/// Sends pieces one after the other; each is opened when its turn comes.
pub fn send(blobs: &Blobs, pieces: Vec<Piece>) -> Outgoing {
    let blobs = blobs.clone();
    let opened = stream::iter(pieces).then(move |piece| {
        let blobs = blobs.clone();
        async move { blobs.get_range(piece.blob, piece.range).await }
    });
    Box::pin(opened.try_flatten())
}

/// The pieces that hold `range` of a body made of `parts` (blob and size each).
pub fn pieces(parts: impl IntoIterator<Item = (Digest, u64)>, range: Range<u64>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    for (blob, size) in parts {
        let end = begin + size;
        let (from, to) = (range.start.max(begin), range.end.min(end));
        if from < to {
            pieces.push(Piece { blob, range: from - begin..to - begin });
        }
        begin = end;
    }
    pieces
}

fn check_size(size: u64, limit: u64) -> Result<(), Error> {
    if size > limit { Err(Error::EntityTooLarge { size, maximum: limit }) } else { Ok(()) }
}

fn decode_md5(given: &str) -> Result<[u8; 16], Error> {
    let decoded = BASE64.decode(given).ok().and_then(|bytes| bytes.try_into().ok());
    decoded.ok_or_else(|| Error::InvalidDigest { given: given.to_owned() })
}

/// Why a body could not be read to its end. The decoders of signed and chunked bodies tell it in words only.
fn refused(error: &(dyn std::error::Error + Send + Sync)) -> Error {
    let words = error.to_string();
    if words.contains("Sha256Mismatch") {
        Error::ContentSha256Mismatch
    } else if words.contains("SignatureMismatch") {
        Error::ChunkSignatureMismatch
    } else if words.contains("FormatError") || words.contains("TooLarge") || words.contains("TooMany") {
        Error::InvalidRequest("The chunks of the request body are malformed.".to_owned())
    } else {
        Error::IncompleteBody
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u8) -> Digest {
        hex::encode([n; 32]).parse().unwrap()
    }

    fn incoming(pieces: &[&'static str]) -> Incoming {
        let pieces: Vec<Result<Bytes, BoxError>> =
            pieces.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect();
        Box::pin(stream::iter(pieces))
    }

    async fn storage(dir: &tempfile::TempDir) -> (Store, Blobs) {
        let store = Store::open(store::Config::Sqlite { dir: dir.path().join("store") }).await.unwrap();
        (store, Blobs::open(blob::Config::Folder { dir: dir.path().join("blobs") }).await.unwrap())
    }

    fn limit(limit: u64) -> Expected {
        Expected { limit, ..Expected::default() }
    }

    #[test]
    fn a_range_takes_the_pieces_it_touches() {
        let parts = [(digest(1), 10), (digest(2), 5), (digest(3), 10)];
        let all = pieces(parts, 0..25);
        assert_eq!(all.len(), 3);
        assert_eq!(
            pieces(parts, 9..11),
            [Piece { blob: digest(1), range: 9..10 }, Piece { blob: digest(2), range: 0..1 },]
        );
        assert_eq!(pieces(parts, 15..16), [Piece { blob: digest(3), range: 0..1 }]);
        assert_eq!(pieces(parts, 25..25), []);
    }

    #[tokio::test]
    async fn what_is_received_can_be_sent_again() {
        let dir = tempfile::tempdir().unwrap();
        let (store, blobs) = storage(&dir).await;
        let received = receive(&store, &blobs, incoming(&["hel", "lo"]), limit(5)).await.unwrap();
        assert_eq!(received.etag, "5d41402abc4b2a76b9719d911017c592");
        assert_eq!(received.size, 5);
        let parts = [(received.blob, 5), (received.blob, 5)];
        let sent: Vec<Bytes> = send(&blobs, pieces(parts, 3..8)).try_collect().await.unwrap();
        assert_eq!(sent.concat(), b"lohel");
    }

    #[tokio::test]
    async fn a_body_that_is_not_as_declared_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (store, blobs) = storage(&dir).await;
        let code = async |expected: Expected| {
            receive(&store, &blobs, incoming(&["hello"]), expected).await.unwrap_err().code().to_owned()
        };
        assert_eq!(code(limit(4)).await, "EntityTooLarge");
        assert_eq!(code(Expected { length: Some(6), ..limit(9) }).await, "IncompleteBody");
        assert_eq!(code(Expected { content_md5: Some("no".into()), ..limit(9) }).await, "InvalidDigest");
        let md5 = Some("1B2M2Y8AsgTpgAmY7PhCfg==".to_owned());
        assert_eq!(code(Expected { content_md5: md5, ..limit(9) }).await, "BadDigest");
        let crc = Declared { algorithm: Some(checksums::Algorithm::Crc32), value: Some("AAAAAA==".into()) };
        assert_eq!(code(Expected { checksum: crc, ..limit(9) }).await, "BadDigest");
    }
}
