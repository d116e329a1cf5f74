//! Sources in S3: an archive that is unpacked, or all objects below a prefix.

use std::{
    io::{self, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

use aws::{
    Client, CloneReference,
    objects::{ByteStream, ListObjects, ObjectId},
};
use futures_util::StreamExt;
use runner::archive;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::io::StreamReader;

use super::is_of_path;

/// Objects below one prefix at most.
const MAX_OBJECTS: usize = 100_000;
/// Bytes below one prefix at most; archives have limits of their own.
const MAX_BYTES: u64 = 64 << 30;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Refused(aws::Error),
    #[error("{0}")]
    Archive(#[from] archive::Error),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl From<aws::Error> for Error {
    fn from(error: aws::Error) -> Self {
        Self::Refused(error)
    }
}

/// The bucket and key of `arn:aws:s3:::bucket/key` or `bucket/key`.
pub(crate) fn split(location: &str) -> Option<(&str, &str)> {
    let location = match location.strip_prefix("arn:") {
        Some(arn) => arn.split_once(":s3:::")?.1,
        None => location,
    };
    location.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
}

/// Fetches an archive and unpacks it into a folder of the host; or gives the commit that it names instead.
pub(crate) async fn fetch_archive(
    client: &Client,
    object: &ObjectId,
    into: &Path,
    spool: &Path,
) -> Result<Option<CloneReference>, Error> {
    let (head, body) = client.get_object(object).await?;
    if head.content_type.as_deref() == Some(CloneReference::CONTENT_TYPE) {
        let mut text = Vec::new();
        StreamReader::new(body).take(CloneReference::LARGEST).read_to_end(&mut text).await?;
        let reference = serde_json::from_slice(&text).map_err(|error| Error::Invalid(error.to_string()))?;
        return Ok(Some(reference));
    }
    let file = self::spool(body, spool).await?;
    let into = into.to_owned();
    let unpacked = tokio::task::spawn_blocking(move || {
        archive::extract(file, &into, archive::Limits::default())?;
        Ok::<_, Error>(None)
    });
    unpacked.await.map_err(std::io::Error::other)?
}

/// Keeps a stream in a file without a name, read from its beginning.
pub(crate) async fn spool(body: ByteStream, folder: &Path) -> Result<std::fs::File, Error> {
    let mut file = tokio::fs::File::from_std(nameless_file(folder)?);
    copy(body, &mut file, MAX_BYTES).await?;
    let mut file = file.into_std().await;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Fetches everything below a prefix, each object to the path that its key has there.
pub(crate) async fn fetch_prefix(
    client: &Client,
    bucket: &str,
    prefix: &str,
    into: &Path,
) -> Result<(), Error> {
    let mut list = ListObjects { bucket: bucket.to_owned(), prefix: prefix.to_owned(), start_after: None };
    let (mut objects, mut bytes) = (0, 0);
    loop {
        let page = client.list_objects(&list).await?;
        for (key, head) in &page.objects {
            objects += 1;
            bytes += head.size;
            if objects > MAX_OBJECTS || bytes > MAX_BYTES {
                let limits = format!("more than {MAX_OBJECTS} objects or {MAX_BYTES} bytes below {prefix}");
                return Err(Error::Invalid(limits));
            }
            let below = key.strip_prefix(prefix).unwrap_or(key);
            // A key with `/` at its end stands for a folder in consoles.
            if below.is_empty() || below.ends_with('/') {
                continue;
            }
            let path = inside(below).ok_or_else(|| Error::Invalid(format!("the key {key} is no path")))?;
            let path = into.join(path);
            // `a` and `a/b` cannot both be files, and a name may be too long for one.
            let unfit = |error: io::Error| match is_of_path(&error) {
                true => Error::Invalid(format!("the key {key}: {error}")),
                false => Error::Io(error),
            };
            if let Some(folder) = path.parent() {
                tokio::fs::create_dir_all(folder).await.map_err(unfit)?;
            }
            let (_, body) = client.get_object(&ObjectId::new(bucket, key)).await?;
            let mut file = tokio::fs::File::create(&path).await.map_err(unfit)?;
            copy(body, &mut file, head.size.saturating_mul(2).max(1 << 20)).await?;
        }
        match page.objects.last() {
            Some((last, _)) if page.is_truncated => list.start_after = Some(last.clone()),
            Some(_) | None => break,
        }
    }
    match objects {
        0 => Err(Error::Refused(
            aws::Error::new("NoSuchKey", "The specified key does not exist.").with_status(404),
        )),
        _ => Ok(()),
    }
}

fn inside(key: &str) -> Option<PathBuf> {
    let path = Path::new(key);
    path.components().all(|part| matches!(part, Component::Normal(_))).then(|| path.to_owned())
}

/// A file that is gone when it is closed, on the disk of the build.
pub(crate) fn nameless_file(folder: &Path) -> Result<std::fs::File, std::io::Error> {
    let path = folder.join(format!("spool-{}", uuid::Uuid::new_v4()));
    let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

async fn copy(mut body: ByteStream, file: &mut tokio::fs::File, most: u64) -> Result<(), Error> {
    let mut copied = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        copied += chunk.len() as u64;
        if copied > most {
            return Err(Error::Invalid(format!("an object of more than {most} bytes")));
        }
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        assert_eq!(split("arn:aws:s3:::b/p/k.zip"), Some(("b", "p/k.zip")));
        assert_eq!(split("arn:aws-cn:s3:::b/k"), Some(("b", "k")));
        assert_eq!(split("b/k"), Some(("b", "k")));
        assert_eq!(split("b/"), None);
        assert_eq!(split("b"), None);
        assert_eq!(split("arn:aws:iam::1:role/x"), None);
    }

    #[test]
    fn keys_that_are_no_paths() {
        assert!(inside("a/b").is_some());
        for bad in ["../a", "/a", "a/../../b"] {
            assert!(inside(bad).is_none(), "{bad}");
        }
    }
}
