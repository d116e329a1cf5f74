//! S3 deploy: puts an artifact into a bucket, as one object or unpacked.

mod archive;
mod content_type;

use std::io::{Seek, SeekFrom};

use async_trait::async_trait;
use aws::objects::{ByteStream, ObjectId, PutObject};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use self::archive::{Entry, Error};
use super::{Outcome, Provider, Report, Trouble, Work};
use crate::catalogue::{BuiltIn, Category, Key};

pub struct S3Deploy;

static ACTION_TYPES: [BuiltIn; 1] = [BuiltIn::aws(
    Category::Deploy,
    "S3",
    &[
        Key::required("BucketName", "The bucket to deploy to."),
        Key::required("Extract", "Whether to unpack the artifact: true or false."),
        Key::optional("ObjectKey", "The object's key, or what the keys of unpacked files begin with."),
        Key::optional("KMSEncryptionKeyARN", "The KMS key to encrypt with."),
        Key::optional("CannedACL", "A canned ACL for the objects."),
        Key::optional("CacheControl", "The Cache-Control header of the objects."),
    ],
)
.inputs(1, 1)
.timeout_minutes(90)];

/// Unpacked files that wait to be written, and pieces of a file that do: what bounds memory.
const FILES_AHEAD: usize = 1;
const PIECES_AHEAD: usize = 4;

#[async_trait]
impl Provider for S3Deploy {
    fn action_types(&self) -> &'static [BuiltIn] {
        &ACTION_TYPES
    }

    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        let bucket = work.required("BucketName")?;
        check_region(work, bucket).await?;
        let extract = work.flag("Extract", false)?;
        let key = work.optional("ObjectKey").map(|key| fill_in(work, key));
        let input = work.input()?;
        let (_, body) = work.client().await?.get_object(&ObjectId::new(&input.bucket, &input.key)).await?;
        let deployed = if extract {
            let prefix = key.unwrap_or_default();
            unpack(work, bucket, prefix.trim_end_matches('/'), body).await?;
            format!("{bucket}/{prefix}")
        } else {
            let key = key.ok_or_else(|| {
                Trouble::configuration("'ObjectKey' is required when 'Extract' is false".to_owned())
            })?;
            let put = PutObject { content_type: content_type::of(&key), ..object(work, bucket, &key, body) };
            work.client().await?.put_object(put).await?;
            format!("{bucket}/{key}")
        };
        Ok(Outcome::Succeeded(Report {
            summary: Some("Deployment Succeeded".to_owned()),
            external_execution_id: Some(deployed),
            ..Report::default()
        }))
    }
}

async fn check_region(work: &Work, bucket: &str) -> Result<(), Trouble> {
    match work.client().await?.bucket_location(bucket).await {
        Ok(region) if region == work.scope.region.as_str() => Ok(()),
        Ok(_) => Err(Trouble::configuration(format!(
            "The bucket named {bucket} is not located in the {} AWS region",
            work.scope.region
        ))),
        Err(error) if error.code == "NoSuchBucket" => {
            Err(Trouble::configuration(format!("The S3 bucket '{bucket}' does not exist.")))
        }
        // Roles that may write objects but not ask where the bucket is are common; AWS does not fail them.
        Err(error) if error.code == "AccessDenied" => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Replaces `{datetime}` and `{uuid}`; the same for every attempt at this action execution.
fn fill_in(work: &Work, key: &str) -> String {
    let datetime = work.started_at.format("%Y-%m-%d_%H-%M-%S");
    key.replace("{datetime}", &datetime).replace("{uuid}", &work.id.to_string())
}

fn object(work: &Work, bucket: &str, key: &str, body: ByteStream) -> PutObject {
    PutObject {
        cache_control: work.optional("CacheControl").map(str::to_owned),
        acl: work.optional("CannedACL").map(str::to_owned),
        kms_key_id: work.optional("KMSEncryptionKeyARN").map(str::to_owned),
        ..PutObject::new(bucket, key, body)
    }
}

/// Every entry is looked at before the first is written, so that a refused archive leaves the bucket as it was.
async fn unpack(work: &Work, bucket: &str, prefix: &str, body: ByteStream) -> Result<(), Trouble> {
    let file = spool(body).await?;
    let (send, mut entries) = mpsc::channel(FILES_AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        archive::read(file, |entry| {
            let (pieces, body) = mpsc::channel(PIECES_AHEAD);
            send.blocking_send((entry, body)).ok()?;
            Some(move |piece| pieces.blocking_send(piece).is_ok())
        })
    });
    while let Some((Entry { name, .. }, pieces)) = entries.recv().await {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let body = unfold(pieces, |mut pieces| async move { Some((pieces.recv().await?, pieces)) });
        let put =
            PutObject { content_type: content_type::of(&name), ..object(work, bucket, &key, Box::pin(body)) };
        work.client().await?.put_object(put).await?;
    }
    drop(entries);
    match reading.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Error::Refused(why))) => {
            Err(Trouble::job_failed(format!("The artifact cannot be unpacked: {why}")))
        }
        Ok(Err(Error::Io(error))) => Err(unavailable(error)),
        Err(error) => Err(Trouble::Unavailable(error.to_string())),
    }
}

/// A ZIP's directory is at its end: it has to be there as a whole before anything of it can be read.
async fn spool(mut body: ByteStream) -> Result<std::fs::File, Trouble> {
    let file = tokio::task::spawn_blocking(tempfile::tempfile).await;
    let file = file.map_err(|error| Trouble::Unavailable(error.to_string()))?.map_err(unavailable)?;
    let mut file = tokio::fs::File::from_std(file);
    while let Some(piece) = body.next().await {
        file.write_all(&piece.map_err(unavailable)?).await.map_err(unavailable)?;
    }
    file.flush().await.map_err(unavailable)?;
    let mut file = file.into_std().await;
    file.seek(SeekFrom::Start(0)).map_err(unavailable)?;
    Ok(file)
}

fn unavailable(error: std::io::Error) -> Trouble {
    Trouble::Unavailable(error.to_string())
}
