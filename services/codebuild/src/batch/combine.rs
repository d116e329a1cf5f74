//! COMBINE_ARTIFACTS: the archives of a batch's builds become one, as the project's service role.

use std::{collections::BTreeMap, path::PathBuf};

use aws::{
    Client,
    objects::{ByteStream, ObjectId, PutObject},
};
use runner::{Folder, workspace::Kind};
use tokio_util::io::ReaderStream;

use super::{artifacts, part};
use crate::{
    CodeBuild,
    artifacts::{
        destination::{Layout, acl_for_owner},
        package::{Item, Package, zip},
    },
    records::{Artifact, Batch, GroupState},
    role::Role,
    source::s3::{self, nameless_file},
};

const CHUNK: usize = 256 * 1024;

/// What is combined, or why it cannot be: code and message.
pub(super) type Combined = Result<Artifact, (String, String)>;

/// May be done again. Errors: faults, after which it is to be tried again.
pub(super) async fn combine(codebuild: &CodeBuild, batch: &Batch) -> Result<Combined, aws::Error> {
    let combined = combine_in_folder(codebuild, batch).await;
    codebuild.executor.remove(batch.id.uuid).await.map_err(aws::Error::internal)?;
    combined
}

/// Leaves the batch's folder behind.
async fn combine_in_folder(codebuild: &CodeBuild, batch: &Batch) -> Result<Combined, aws::Error> {
    let Some((settings, place)) = artifacts::combined(batch) else { return Ok(Ok(Artifact::default())) };
    let mut artifact =
        Artifact { identifier: None, location: place.arn(&batch.scope.partition), sha256: None, md5: None };
    // Files have gone to where they belong.
    let Layout::Zip(key) = &place.layout else { return Ok(Ok(artifact)) };
    let client = match service_role(codebuild, batch).client().await {
        Ok(client) => client,
        Err(error) => return denied(error),
    };
    let folder = codebuild.executor.prepare(batch.id.uuid).await.map_err(aws::Error::internal)?;
    let mut parts = BTreeMap::new();
    for name in succeeded(batch) {
        let object = ObjectId::new(&place.bucket, artifacts::part_key(key, name));
        match gather(&client, &folder, &object, name).await? {
            Ok(items) => parts.extend(items),
            Err(context) => return Ok(Err(context)),
        }
    }
    let package = pack(&folder, parts.into_values().collect()).await?;
    artifact.sha256 = Some(package.sha256);
    artifact.md5 = Some(hex::encode(package.md5));
    let body: ByteStream =
        Box::pin(ReaderStream::with_capacity(tokio::fs::File::from_std(package.file), CHUNK));
    let encrypted = settings.encryption_disabled != Some(true);
    let put = PutObject {
        kms_key_id: batch.configuration.0.encryption_key.clone().filter(|_| encrypted),
        acl: acl_for_owner(settings),
        content_type: Some("application/zip".to_owned()),
        metadata: BTreeMap::from([("codebuild-buildarn".to_owned(), batch.arn())]),
        ..PutObject::new(&place.bucket, key, body)
    };
    if let Err(error) = client.put_object(put).await {
        return denied(error);
    }
    Ok(Ok(artifact))
}

/// Takes the parts away once they are one. Without the right to, or after a crash, they stay: they hurt nobody.
pub(super) async fn clear(codebuild: &CodeBuild, batch: &Batch) {
    let Some((_, place)) = artifacts::combined(batch) else { return };
    let Layout::Zip(key) = &place.layout else { return };
    let Ok(client) = service_role(codebuild, batch).client().await else { return };
    for name in succeeded(batch) {
        let object = ObjectId::new(&place.bucket, artifacts::part_key(key, name));
        if let Err(error) = client.delete_object(&object).await {
            tracing::debug!(%error, object.key, "a part of a combined artifact stays");
        }
    }
}

fn service_role(codebuild: &CodeBuild, batch: &Batch) -> Role {
    let role = batch.configuration.0.service_role.clone().unwrap_or_default();
    Role::new(&codebuild.client, &batch.scope, role, part::session_name(batch.id.uuid))
}

fn succeeded(batch: &Batch) -> impl Iterator<Item = &str> {
    let succeeded = batch.groups.iter().skip(1).filter(|group| group.state == GroupState::Succeeded);
    succeeded.map(|group| group.build.identifier.as_str())
}

fn denied<T>(error: aws::Error) -> Result<Result<T, (String, String)>, aws::Error> {
    match error.is_fault() {
        true => Err(error),
        false => Ok(Err(("CLIENT_ERROR".to_owned(), format!("{}: {}", error.code, error.message)))),
    }
}

/// Unpacks the archive of one build; gives its files by their names.
async fn gather(
    client: &Client,
    folder: &Folder,
    object: &ObjectId,
    name: &str,
) -> Result<Result<Vec<(PathBuf, Item)>, (String, String)>, aws::Error> {
    let inside = PathBuf::from("/parts").join(name);
    // An earlier attempt may have left something.
    let into = folder.workspace().empty_directory(&inside).map_err(aws::Error::internal)?;
    match s3::fetch_archive(client, object, &into, folder.path()).await {
        Ok(_) => {}
        Err(s3::Error::Refused(error)) => return denied(error),
        Err(s3::Error::Io(error)) => return Err(aws::Error::internal(error)),
        Err(error) => return Ok(Err(("CLIENT_ERROR".to_owned(), format!("{}: {error}", object.key)))),
    }
    let listing = folder.workspace().walk(&inside).map_err(aws::Error::internal)?;
    let items = listing.into_iter().filter_map(|entry| {
        let link = match entry.kind {
            Kind::Directory => return None,
            Kind::File => None,
            Kind::Symlink(target) => Some(target),
        };
        let item = Item { name: entry.path.clone(), path: inside.join(&entry.path), link };
        Some((entry.path, item))
    });
    Ok(Ok(items.collect()))
}

async fn pack(folder: &Folder, items: Vec<Item>) -> Result<Package, aws::Error> {
    let (workspace, path) = (folder.workspace(), folder.path().to_owned());
    let packed = tokio::task::spawn_blocking(move || zip(&workspace, &items, nameless_file(&path)?));
    packed.await.map_err(aws::Error::internal)?.map_err(aws::Error::internal)
}
