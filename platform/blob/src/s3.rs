//! Blobs as objects of S3-compatible storage: `<prefix>/sha256/<all 64 digits>`.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::{BoxStream, StreamExt};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, WriteMultipart};
use tokio::io::AsyncReadExt;

use crate::staging::Staged;
use crate::{BlobId, ByteStream, Digest, Error, Head};

/// Bytes of one uploaded part; S3 wants 5 MiB at least, and takes 10,000 parts.
const PART: usize = 8 * 1024 * 1024;
/// Parts in flight at once.
const PARTS_AT_ONCE: usize = 4;
/// Equal bytes put after this time are uploaded again, which makes the object young: collectors go by its age.
const YOUNG: Duration = Duration::from_secs(3600);

pub(crate) struct S3 {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    url: String,
}

impl S3 {
    /// Errors: `Config`. Does not connect yet.
    pub(crate) fn open(url: &str, settings: &[(String, String)]) -> Result<S3, Error> {
        let unusable = |cause: String| Error::Config { url: url.to_owned(), cause };
        let rest =
            url.strip_prefix("s3://").ok_or_else(|| unusable("it must begin with s3://".to_owned()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(unusable("it names no bucket".to_owned()));
        }
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        for (name, value) in settings {
            let key: AmazonS3ConfigKey = name.parse().map_err(|error| unusable(format!("{error}")))?;
            builder = builder.with_config(key, value);
        }
        let store = builder.build().map_err(|error| unusable(error.to_string()))?;
        let prefix = Path::parse(prefix).map_err(|error| unusable(error.to_string()))?;
        Ok(S3::through(Arc::new(store), prefix, url.to_owned()))
    }

    pub(crate) fn through(store: Arc<dyn ObjectStore>, prefix: Path, url: String) -> S3 {
        S3 { store, prefix, url }
    }

    pub(crate) async fn place(&self, staged: Staged, id: BlobId) -> Result<(), Error> {
        if let Some(head) = self.head(id.digest).await?
            && head.id.size == id.size
            && head.modified.elapsed().is_ok_and(|age| age < YOUNG)
        {
            return Ok(());
        }
        let location = self.location(id.digest);
        let mut file = tokio::fs::File::open(&staged.path).await.map_err(Error::file(&staged.path))?;
        if id.size <= PART as u64 {
            let mut bytes = Vec::with_capacity(usize::try_from(id.size).unwrap_or(PART));
            file.read_to_end(&mut bytes).await.map_err(Error::file(&staged.path))?;
            self.store.put(&location, bytes.into()).await.map_err(Error::S3)?;
            return Ok(());
        }
        let upload = self.store.put_multipart(&location).await.map_err(Error::S3)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut buffer = vec![0; PART / 8];
        let outcome = loop {
            match file.read(&mut buffer).await {
                Ok(0) => break Ok(()),
                Ok(read) => upload.write(buffer.get(..read).unwrap_or_default()),
                Err(error) => break Err(Error::file(&staged.path)(error)),
            }
            if let Err(error) = upload.wait_for_capacity(PARTS_AT_ONCE).await {
                break Err(Error::S3(error));
            }
        };
        match outcome {
            Ok(()) => upload.finish().await.map(drop).map_err(Error::S3),
            Err(error) => {
                if let Err(abort) = upload.abort().await {
                    tracing::warn!(error = %abort, object = %location, "An upload could not be aborted; its parts remain.");
                }
                Err(error)
            }
        }
    }

    pub(crate) async fn get(&self, digest: Digest, range: Range<u64>) -> Result<ByteStream, Error> {
        let Some(head) = self.head(digest).await? else { return Err(Error::NotFound { digest }) };
        let size = head.id.size;
        if range.start > size {
            return Err(Error::Range { digest, start: range.start, size });
        }
        let end = range.end.min(size);
        if end <= range.start {
            // An empty range cannot be asked for over HTTP.
            return Ok(futures_util::stream::empty().boxed());
        }
        let options =
            GetOptions { range: Some(GetRange::Bounded(range.start..end)), ..GetOptions::default() };
        let found = self.store.get_opts(&self.location(digest), options).await;
        let found = found.map_err(|error| missing(error, digest))?;
        Ok(found.into_stream().map(|piece| piece.map_err(Error::S3)).boxed())
    }

    pub(crate) async fn head(&self, digest: Digest) -> Result<Option<Head>, Error> {
        match self.store.head(&self.location(digest)).await {
            Ok(meta) => Ok(Some(head(&meta, digest))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::S3(error)),
        }
    }

    pub(crate) async fn delete(&self, digest: Digest, older_than: Option<SystemTime>) -> Result<bool, Error> {
        let Some(head) = self.head(digest).await? else { return Ok(false) };
        if older_than.is_some_and(|time| head.modified >= time) {
            return Ok(false);
        }
        match self.store.delete(&self.location(digest)).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::S3(error)),
        }
    }

    pub(crate) fn list(&self) -> BoxStream<'static, Result<Head, Error>> {
        let folder = self.prefix.clone().join("sha256");
        let objects = self.store.list(Some(&folder));
        objects
            .filter_map(|object| async {
                match object {
                    // Objects of other names are not ours.
                    Ok(meta) => meta.location.filename()?.parse().ok().map(|digest| Ok(head(&meta, digest))),
                    Err(error) => Some(Err(Error::S3(error))),
                }
            })
            .boxed()
    }

    fn location(&self, digest: Digest) -> Path {
        self.prefix.clone().join("sha256").join(digest.to_string())
    }
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.url)
    }
}

fn head(meta: &ObjectMeta, digest: Digest) -> Head {
    Head { id: BlobId { digest, size: meta.size }, modified: meta.last_modified.into() }
}

fn missing(error: object_store::Error, digest: Digest) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::NotFound { digest },
        other => Error::S3(other),
    }
}
