//! UPLOAD_ARTIFACTS: what the build has made goes to S3, as the build's role.

use std::{collections::BTreeMap, fs::File, path::PathBuf};

use aws::{
    Client,
    objects::{ByteStream, PutObject},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use codebuild_model::{ArtifactsType, ProjectArtifacts};
use runner::{Folder, agent_line, mask};
use tokio_util::io::ReaderStream;

use super::{
    Fault, discover,
    download::{kept_buildspec, parse, phase_lines, place},
    drive::{Drive, Trouble},
    plan::expanded,
    reports, secrets,
};
use crate::{
    artifacts::{
        destination::{Destination, Layout, acl_for_owner, destination},
        package::{self, Item, Package, gather, zip},
    },
    buildspec::{self, Buildspec},
    cache, environment,
    records::{Artifact, Build},
    source::s3::nameless_file,
    state::{Change, Outcome},
};

const CHUNK: usize = 256 * 1024;

/// The artifacts and reports, and then the cache.
pub(super) async fn upload_and_save(drive: &Drive<'_>, build: &Build) -> Result<Vec<Change>, Trouble> {
    let changes = upload(drive, build).await?;
    let folder = drive.codebuild.executor.prepare(build.id.uuid).await?;
    cache::save(drive, build, &folder).await?;
    Ok(changes)
}

/// May be done again: it writes the same objects and reports. Reports are taken in whatever becomes of the artifacts.
async fn upload(drive: &Drive<'_>, build: &Build) -> Result<Vec<Change>, Trouble> {
    let folder = drive.codebuild.executor.prepare(build.id.uuid).await?;
    let spec = match kept_buildspec(&folder)? {
        Some(text) => parse(&text)?,
        None => return Err(Trouble::Ends(Outcome::fault("The machine that held the build is gone"))),
    };
    let source = place(build)?.into_iter().next().map(|placed| placed.directory).unwrap_or_default();
    let evaluated = drive.progress(build).await?.evaluated;
    let secrets = secrets::fetch(drive, &environment::given(build, &spec)).await?;
    let secrets = secrets.values().cloned().collect();
    let uploading = Uploading { drive, build, folder: &folder, spec: &spec, source, evaluated, secrets };
    match uploading.all().await {
        Err(Trouble::Ends(mut outcome)) => {
            if let Some((_, message)) = &mut outcome.context {
                *message = mask(&uploading.secrets, message)?;
            }
            Err(Trouble::Ends(outcome))
        }
        done => done,
    }
}

/// The last lines of the phase.
pub(super) async fn close_log(
    drive: &Drive<'_>,
    build: &Build,
    done: &Result<Vec<Change>, Trouble>,
) -> Result<(), Fault> {
    let folder = drive.codebuild.executor.prepare(build.id.uuid).await?;
    Ok(phase_lines(&folder, "UPLOAD_ARTIFACTS", done)?)
}

/// What a build leaves behind, and where it goes.
pub(super) struct Uploading<'a, 'd> {
    pub drive: &'a Drive<'d>,
    pub build: &'a Build,
    pub folder: &'a Folder,
    pub spec: &'a Buildspec,
    pub source: PathBuf,
    pub evaluated: BTreeMap<String, String>,
    /// Values that must not be seen.
    secrets: Vec<String>,
}

fn client_error(message: impl Into<String>) -> Trouble {
    Trouble::Ends(Outcome::failed("CLIENT_ERROR", message))
}

/// A build is not to blame for the machine's disk.
fn not_packed(error: package::Error) -> Trouble {
    match error.is_of_machine() {
        true => Trouble::Fault(Fault::Io(std::io::Error::other(error))),
        false => client_error(error.to_string()),
    }
}

fn refused(error: aws::Error) -> Trouble {
    Trouble::of(error, |error| {
        let aws::Error { code, message, .. } = error;
        Outcome::failed("CLIENT_ERROR", format!("Error in UPLOAD_ARTIFACTS phase: {code}: {message}"))
    })
}

impl Uploading<'_, '_> {
    async fn all(&self) -> Result<Vec<Change>, Trouble> {
        let artifacts = match self.artifacts().await {
            Err(Trouble::Fault(fault)) => return Err(Trouble::Fault(fault)),
            artifacts => artifacts,
        };
        let discovered = discover::discover(self).await?;
        if let Ok(changes) = &artifacts
            && !changes.is_empty()
            && !(self.spec.reports.is_empty() && discovered.is_empty())
        {
            // They are there, even if a report is refused.
            self.drive.commit(changes.clone(), None).await.map_err(Trouble::Fault)?;
        }
        let refused = reports::take_in(self, discovered).await?;
        let changes = artifacts?;
        match refused.is_empty() {
            true => Ok(changes),
            false => Err(client_error(format!("Error in UPLOAD_ARTIFACTS phase: {}", refused.join(", ")))),
        }
    }

    async fn artifacts(&self) -> Result<Vec<Change>, Trouble> {
        let settings = &self.build.configuration.0;
        let is_s3 = |artifacts: &&ProjectArtifacts| artifacts.r#type == ArtifactsType::S3;
        let primary = settings.artifacts.as_ref().filter(is_s3);
        let mut secondary = Vec::new();
        for artifacts in settings.secondary_artifacts.iter().flatten().filter(is_s3) {
            secondary.push(self.artifact(artifacts, artifacts.artifact_identifier.as_deref()).await?);
        }
        let primary = match primary {
            Some(artifacts) => Some(self.artifact(artifacts, None).await?),
            None if secondary.is_empty() => return Ok(vec![]),
            None => None,
        };
        Ok(vec![Change::Artifacts { primary, secondary }])
    }

    async fn artifact(
        &self,
        artifacts: &ProjectArtifacts,
        identifier: Option<&str>,
    ) -> Result<Artifact, Trouble> {
        let declared = match identifier {
            None => self.spec.artifacts.as_ref(),
            Some(identifier) => self.spec.secondary_artifacts.get(identifier),
        };
        let declared = declared.ok_or_else(|| match identifier {
            None => client_error("no artifact paths are defined in the buildspec"),
            Some(identifier) => client_error(format!(
                "no secondary artifacts named {identifier} are defined in the buildspec"
            )),
        })?;
        if let Some(identifier) = identifier {
            self.say(&format!("Preparing to copy secondary artifacts {identifier}"))?;
        }
        let spec = expanded(identifier, declared, &self.evaluated);
        let items = self.gather(&spec).await?.map_err(not_packed)?;
        let Build { id, scope, .. } = self.build;
        let name = spec.name.as_deref().filter(|name| !name.is_empty());
        let destination = destination(artifacts, &id.project, id.uuid, name, spec.s3_prefix.as_deref())
            .ok_or_else(|| client_error("the artifact has no bucket"))?;
        let client = self.drive.role.client().await.map_err(refused)?;
        let mut record = Artifact {
            identifier: identifier.map(str::to_owned),
            location: destination.arn(&scope.partition),
            sha256: None,
            md5: None,
        };
        match &destination.layout {
            Layout::Zip(key) => {
                let package = self.zip(items).await?;
                record.sha256 = Some(package.sha256.clone());
                record.md5 = Some(hex::encode(package.md5));
                self.put_package(&client, artifacts, &destination, key, package).await?;
            }
            Layout::Folder(prefix) => {
                for item in items {
                    self.put_file(&client, artifacts, &destination, prefix, &item).await?;
                }
            }
        }
        Ok(record)
    }

    /// Writes a line into the log.
    pub fn say(&self, text: &str) -> std::io::Result<()> {
        self.folder.append_output(&agent_line(&mask(&self.secrets, text)?))
    }

    /// The files that a buildspec means. What was looked for is told in the log.
    pub async fn gather(
        &self,
        spec: &buildspec::Artifacts,
    ) -> Result<Result<Vec<Item>, package::Error>, Fault> {
        let (workspace, source, spec) = (self.folder.workspace(), self.source.clone(), spec.clone());
        let gathered = tokio::task::spawn_blocking(move || {
            let mut log = Vec::new();
            let gathered = gather(&workspace, &source, &spec, &mut log);
            (gathered, log)
        });
        let (gathered, log) = gathered.await.map_err(std::io::Error::other)?;
        for line in log {
            self.say(&line)?;
        }
        Ok(gathered)
    }

    pub async fn zip(&self, items: Vec<Item>) -> Result<Package, Trouble> {
        let (workspace, spool) = (self.folder.workspace(), self.folder.path().to_owned());
        let packed = tokio::task::spawn_blocking(move || zip(&workspace, &items, nameless_file(&spool)?));
        let packed: Result<Package, package::Error> = packed.await.map_err(std::io::Error::other)?;
        packed.map_err(not_packed)
    }

    async fn put_package(
        &self,
        client: &Client,
        artifacts: &ProjectArtifacts,
        destination: &Destination,
        key: &str,
        package: Package,
    ) -> Result<(), Trouble> {
        let Package { file, sha256, md5 } = package;
        let metadata = BTreeMap::from([
            ("codebuild-content-md5".to_owned(), STANDARD.encode(md5)),
            ("codebuild-content-sha256".to_owned(), sha256),
            ("codebuild-buildarn".to_owned(), self.build.arn()),
        ]);
        let content_type = Some("application/zip".to_owned());
        let put = PutObject { metadata, content_type, ..self.object(artifacts, destination, key, file) };
        client.put_object(put).await.map(|_| ()).map_err(refused)
    }

    async fn put_file(
        &self,
        client: &Client,
        artifacts: &ProjectArtifacts,
        destination: &Destination,
        prefix: &str,
        item: &Item,
    ) -> Result<(), Trouble> {
        let file = self.folder.workspace().open_file(&item.path);
        let file = file.map_err(|error| not_packed(error.into()))?;
        let key = format!("{prefix}{}", item.name.to_string_lossy());
        let put = self.object(artifacts, destination, &key, file);
        client.put_object(put).await.map(|_| ()).map_err(refused)
    }

    fn object(
        &self,
        artifacts: &ProjectArtifacts,
        destination: &Destination,
        key: &str,
        file: File,
    ) -> PutObject {
        let body: ByteStream = Box::pin(ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK));
        let encrypted = artifacts.encryption_disabled != Some(true);
        let kms_key_id = self.build.configuration.0.encryption_key.clone().filter(|_| encrypted);
        let acl = acl_for_owner(artifacts);
        PutObject { kms_key_id, acl, ..PutObject::new(&destination.bucket, key, body) }
    }
}
