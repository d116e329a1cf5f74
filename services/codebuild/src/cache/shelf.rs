//! Where caches are kept: S3, as the build's role, or a folder of this machine.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use aws::{
    Client, Timestamp,
    objects::{ByteStream, ListObjects, ObjectId, PutObject},
};
use codebuild_model::{CacheType, ProjectCache};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use super::limit;
use crate::{driver::Drive, records::Build, source::s3};

const CHUNK: usize = 256 * 1024;
/// Pages of keys that are looked through for the newest cache.
const MOST_PAGES: usize = 20;
/// What is put into S3 says what it holds.
const DIGEST: &str = "codebuild-cache-sha256";

pub(super) enum Shelf {
    S3 { client: Box<Client>, bucket: String, prefix: String },
    Local { folder: PathBuf, all: PathBuf, most_bytes: u64 },
}

fn refused(error: &aws::Error) -> String {
    format!("{}: {}", error.code, error.message)
}

impl Shelf {
    pub async fn of(drive: &Drive<'_>, build: &Build, settings: &ProjectCache) -> Result<Self, String> {
        if settings.r#type == CacheType::Local {
            let Some(caches) = &drive.codebuild.config.caches else {
                return Err("this server keeps no local caches".to_owned());
            };
            let scope = &build.scope;
            return Ok(Self::Local {
                folder: caches.join(scope.account.as_str()).join(scope.region.as_str()),
                all: caches.clone(),
                most_bytes: drive.codebuild.config.most_cache_bytes,
            });
        }
        let client = drive.role.client().await.map_err(|error| refused(&error))?;
        let location = settings.location.as_deref().unwrap_or_default();
        let location = location.strip_prefix("arn:aws:s3:::").unwrap_or(location);
        let (bucket, prefix) = location.split_once('/').unwrap_or((location, ""));
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self::S3 { client: Box::new(client), bucket: bucket.to_owned(), prefix })
    }

    /// What a cache holds, if it is there and younger than `since`; nothing is known of what a local one holds.
    pub async fn fresh(&self, name: &str, since: Option<Timestamp>) -> Result<Option<String>, String> {
        match self {
            Self::S3 { client, bucket, prefix } => {
                match client.head_object(&ObjectId::new(bucket, format!("{prefix}{name}"))).await {
                    Ok(head) if is_younger(head.last_modified, since) => {
                        Ok(Some(head.metadata.get(DIGEST).cloned().unwrap_or_default()))
                    }
                    Ok(_) => Ok(None),
                    Err(error) if is_missing(&error) => Ok(None),
                    Err(error) => Err(refused(&error)),
                }
            }
            Self::Local { folder, .. } => {
                let modified = modified(&folder.join(name));
                Ok(modified.filter(|at| is_younger(*at, since)).map(|_| String::new()))
            }
        }
    }

    /// The newest cache whose name begins so, if it is younger than `since`.
    pub async fn newest(&self, start: &str, since: Option<Timestamp>) -> Result<Option<String>, String> {
        let mut found: Vec<(Timestamp, String)> = Vec::new();
        match self {
            Self::S3 { client, bucket, prefix } => {
                let start = format!("{prefix}{start}");
                let mut list = ListObjects { bucket: bucket.clone(), prefix: start, start_after: None };
                for _ in 0..MOST_PAGES {
                    let page = client.list_objects(&list).await.map_err(|error| refused(&error))?;
                    list.start_after = page.objects.last().map(|(key, _)| key.clone());
                    found.extend(page.objects.into_iter().filter_map(|(key, head)| {
                        Some((head.last_modified, key.strip_prefix(prefix.as_str())?.to_owned()))
                    }));
                    if !page.is_truncated {
                        break;
                    }
                }
            }
            Self::Local { folder, .. } => {
                let (within, start) = start.rsplit_once('/').unwrap_or(("", start));
                for entry in fs::read_dir(folder.join(within)).into_iter().flatten().flatten() {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if let Some(at) =
                        modified(&entry.path()).filter(|_| name.starts_with(start) && name.ends_with(".zip"))
                    {
                        found.push((at, format!("{within}/{name}")));
                    }
                }
            }
        }
        Ok(found.into_iter().filter(|(at, _)| is_younger(*at, since)).max().map(|(_, name)| name))
    }

    pub async fn fetch(&self, name: &str, spool: &Path) -> Result<File, String> {
        match self {
            Self::S3 { client, bucket, prefix } => {
                let object = ObjectId::new(bucket, format!("{prefix}{name}"));
                let (_, body) = client.get_object(&object).await.map_err(|error| refused(&error))?;
                s3::spool(body, spool).await.map_err(|error| error.to_string())
            }
            Self::Local { folder, .. } => {
                let file = File::open(folder.join(name)).map_err(|error| error.to_string())?;
                limit::use_now(&file);
                Ok(file)
            }
        }
    }

    /// In one piece: who reads meanwhile reads the one before.
    pub async fn put(&self, name: &str, file: File, digest: &str, build: &Build) -> Result<(), String> {
        match self {
            Self::S3 { client, bucket, prefix } => {
                let body: ByteStream =
                    Box::pin(ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK));
                let put = PutObject {
                    kms_key_id: build.configuration.0.encryption_key.clone(),
                    metadata: BTreeMap::from([(DIGEST.to_owned(), digest.to_owned())]),
                    ..PutObject::new(bucket, format!("{prefix}{name}"), body)
                };
                client.put_object(put).await.map(|_| ()).map_err(|error| refused(&error))
            }
            Self::Local { folder, all, most_bytes } => {
                let bytes = file.metadata().map_err(|error| error.to_string())?.len();
                if bytes > *most_bytes {
                    return Err(format!("it has {bytes} bytes, and all local caches may have {most_bytes}"));
                }
                let (path, all, most) = (folder.join(name), all.clone(), *most_bytes);
                let put = tokio::task::spawn_blocking(move || {
                    replace(file, &path)?;
                    limit::keep_within(&all, most, SystemTime::now())
                });
                let gone =
                    put.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
                if gone > 0 {
                    tracing::info!(gone, "local caches that were not used for longest were removed");
                }
                Ok(())
            }
        }
    }
}

fn is_younger(at: Timestamp, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| at > since)
}

fn is_missing(error: &aws::Error) -> bool {
    error.status == 404 || error.code == "NoSuchKey" || error.code == "NotFound"
}

fn modified(path: &Path) -> Option<Timestamp> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?))
}

fn replace(mut file: File, path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!("{}{}", limit::DRAFT, Uuid::new_v4()));
    let written = File::create_new(&draft).and_then(|mut draft| {
        io::copy(&mut file, &mut draft)?;
        draft.sync_data()
    });
    let replaced = written.and_then(|()| fs::rename(&draft, path));
    if replaced.is_err() {
        let _gone = fs::remove_file(&draft);
    }
    replaced
}
