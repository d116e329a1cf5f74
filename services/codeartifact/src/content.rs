//! Bytes coming in and going out, in constant memory.

use std::ops::Range;

use aws::http::Body;
use aws::streams::Outgoing;
use blob::collection::{self, Ticket};
use blob::{Beside, Blobs, Digest, Intake};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha512;
use store::Store;

use crate::error::{Error, Resource};

/// Of one asset, in bytes. Source: CodeArtifact quotas, "Asset file size maximum".
pub const LARGEST_ASSET: u64 = 5 * 1024 * 1024 * 1024;

/// Bytes that are durable.
#[derive(Clone, Debug)]
pub struct Received {
    pub blob: Digest,
    /// With it a record may name the blob.
    pub ticket: Ticket,
    pub size: u64,
    /// In hexadecimal digits, like the next two.
    pub md5: String,
    pub sha1: String,
    pub sha512: String,
}

/// The hashes of an asset in the making.
#[derive(Default)]
struct Hashes {
    md5: Md5,
    sha1: Sha1,
    sha512: Sha512,
}

impl Intake for Hashes {
    const SWIFT: usize = 16 * 1024;

    fn take(&mut self, pieces: &[Bytes]) -> Result<(), blob::Error> {
        for piece in pieces {
            self.md5.update(piece);
            self.sha1.update(piece);
            self.sha512.update(piece);
        }
        Ok(())
    }
}

/// An asset that arrives piece by piece.
pub struct Receiver {
    writer: blob::BlobWriter,
    hashes: Beside<Hashes>,
    size: u64,
    limit: u64,
}

impl Receiver {
    /// `limit` is in bytes.
    pub async fn begin(blobs: &Blobs, limit: u64) -> Result<Self, Error> {
        Ok(Self { writer: blobs.writer().await?, hashes: Beside::new(Hashes::default()), size: 0, limit })
    }

    /// Errors: `QuotaExceeded`.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            let message = format!("An asset may have {} bytes at most.", self.limit);
            return Err(Error::quota(Resource::asset("asset"), message));
        }
        self.hashes.add(bytes.clone()).await?;
        Ok(self.writer.write(bytes).await?)
    }

    /// Makes it durable.
    pub async fn finish(self, store: &Store) -> Result<Received, Error> {
        let ticket = collection::ticket(store).await?;
        let blob = self.writer.finish().await?.digest;
        let Hashes { md5, sha1, sha512 } = self.hashes.finish().await?;
        Ok(Received {
            blob,
            ticket,
            size: self.size,
            md5: hex::encode(md5.finalize()),
            sha1: hex::encode(sha1.finalize()),
            sha512: hex::encode(sha512.finalize()),
        })
    }
}

/// Stores a body. Errors: `QuotaExceeded` if it is too large, `Validation` if it breaks off.
pub async fn receive(store: &Store, blobs: &Blobs, mut body: Body, limit: u64) -> Result<Received, Error> {
    let mut receiver = Receiver::begin(blobs, limit).await?;
    while let Some(frame) = body.frame().await {
        let broken = |_| Error::field("The body of the request broke off.");
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            receiver.write(data).await?;
        }
    }
    receiver.finish(store).await
}

/// Stores bytes that are in memory.
pub async fn receive_bytes(store: &Store, blobs: &Blobs, bytes: Bytes) -> Result<Received, Error> {
    let mut receiver = Receiver::begin(blobs, LARGEST_ASSET).await?;
    receiver.write(bytes).await?;
    receiver.finish(store).await
}

/// Sends a part of a blob. Errors: `Internal` if the bytes are not there.
pub async fn send(blobs: &Blobs, blob: Digest, range: Range<u64>) -> Result<Outgoing, Error> {
    let length = range.end - range.start;
    if length == 0 {
        return Ok(Outgoing { body: aws::http::empty(), length });
    }
    let pieces = blobs.get_range(blob, range).await?;
    let frames = pieces.map(|piece| piece.map(http_body::Frame::data).map_err(Into::into));
    Ok(Outgoing { body: BodyExt::boxed_unsync(StreamBody::new(frames)), length })
}
