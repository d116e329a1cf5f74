//! DOWNLOAD_SOURCE: the sources, the buildspec and the variables.

use std::path::Path;

use aws::objects::ObjectId;
use codebuild_model::CacheMode;
use runner::{Folder, agent_line};
use tokio::io::AsyncReadExt;

use super::{
    Fault,
    drive::{Drive, Trouble},
    git_source, secrets,
};
use crate::{
    buildspec::{self, Buildspec, Place, Why},
    cache,
    container::Containers,
    environment::{self, Given},
    project::is_inline,
    records::{Batchspec, Build},
    source::{self, Origin, Placed, codecommit, s3},
    state::{Change, Outcome},
};

/// A buildspec is read into memory.
const MAX_BUILDSPEC_BYTES: u64 = 1 << 20;
/// The buildspec as it was read, beside the workspace where the build cannot change it. It is there once the source is.
const BUILDSPEC: &str = "buildspec.yml";
/// Keys without a meaning that a log names at most.
const MAX_UNKNOWN_KEYS: usize = 20;
/// What stands for the buildspec of a sandbox, which has none.
const NO_BUILDSPEC: &str = "version: 0.2\nphases: {}\n";

/// May be done again: sources are fetched into emptied folders.
pub(super) async fn download(drive: &Drive<'_>, build: &Build) -> Result<Vec<Change>, Trouble> {
    let folder = drive.codebuild.executor.prepare(build.id.uuid).await?;
    let say = |text: &str| folder.append_output(&agent_line(text));
    say("Running on Stagewright")?;
    say("Waiting for DOWNLOAD_SOURCE")?;
    let sources = place(build)?;
    let mut changes = Vec::new();
    for placed in &sources {
        let resolved = fetch(drive, build, placed, &folder).await;
        if let Err(Trouble::Ends(outcome)) = &resolved {
            let (_, message) = outcome.context.clone().unwrap_or_default();
            folder.append_output(&format!("{message}\n"))?;
        }
        if let (Some(version), None) = (resolved?, &placed.identifier) {
            changes.push(Change::Resolved(version));
        }
    }
    say("Phase is DOWNLOAD_SOURCE")?;
    for placed in &sources {
        let suffix = placed.identifier.as_ref().map(|name| format!("_{name}")).unwrap_or_default();
        say(&format!("CODEBUILD_SRC_DIR{suffix}={}", placed.directory.display()))?;
    }
    let text = match build.is_sandbox() {
        true => NO_BUILDSPEC.to_owned(),
        false => read_buildspec(drive, build, &sources, &folder).await?,
    };
    if build.part_of.as_ref().is_some_and(|part| part.identifier == buildspec::DOWNLOAD_SOURCE) {
        keep_batch(drive, build, &text).await?;
        return Ok(changes);
    }
    let spec = parse(&text)?;
    tell_unknown_keys(&say, &spec)?;
    say("Processing environment variables")?;
    let given = environment::given(build, &spec);
    if given.values().any(|given| matches!(given, Given::Parameter(_))) {
        say("Decrypting parameter store environment variables")?;
    }
    secrets::fetch(drive, &given).await?;
    if !build.is_sandbox() {
        describe(&say, build, &sources, &spec, &drive.codebuild.config.containers)?;
        cache::restore(drive, build, &spec, &sources, &folder).await?;
        say("Registering with agent")?;
        describe_phases(&say, &spec)?;
    }
    keep_buildspec(&folder, &text)?;
    Ok(changes)
}

/// The batch that this build was to read, until its end is told to the batch.
async fn keep_batch(drive: &Drive<'_>, build: &Build, text: &str) -> Result<(), Trouble> {
    let read = buildspec::parse_batch(text).map_err(|error| {
        let Place { line, column } = error.place;
        Trouble::Ends(yaml_error(format!("{} at line {line} column {column}", error.message)))
    })?;
    let none = || Trouble::Ends(yaml_error("The buildspec has no batch section, which a batch build needs"));
    let kept =
        Batchspec { scope: build.scope.clone(), build: build.id.clone(), batch: read.ok_or_else(none)? };
    Ok(drive.codebuild.store.write(move |tx| tx.put(&kept).map(|_| ())).await?)
}

/// The last lines of the phase.
pub(super) async fn close_log(
    drive: &Drive<'_>,
    build: &Build,
    done: &Result<Vec<Change>, Trouble>,
) -> Result<(), Fault> {
    let folder = drive.codebuild.executor.prepare(build.id.uuid).await?;
    Ok(phase_lines(&folder, "DOWNLOAD_SOURCE", done)?)
}

pub(super) fn phase_lines(
    folder: &Folder,
    phase: &str,
    done: &Result<Vec<Change>, Trouble>,
) -> std::io::Result<()> {
    let (status, (code, message)) = match done {
        Ok(_) => ("SUCCEEDED", Default::default()),
        Err(Trouble::Ends(outcome)) => (outcome.status.as_str(), outcome.context.clone().unwrap_or_default()),
        // Not the end of it.
        Err(Trouble::Fault(_)) => return Ok(()),
    };
    folder.append_output(&agent_line(&format!("Phase complete: {phase} State: {status}")))?;
    folder.append_output(&agent_line(&format!("Phase context status code: {code} Message: {message}")))
}

/// The buildspec that was kept. None if the source never came to this machine.
pub(super) fn kept_buildspec(folder: &Folder) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(folder.path().join(BUILDSPEC)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn keep_buildspec(folder: &Folder, text: &str) -> std::io::Result<()> {
    let draft = folder.path().join("buildspec.draft");
    std::fs::write(&draft, text)?;
    std::fs::File::open(&draft)?.sync_data()?;
    std::fs::rename(draft, folder.path().join(BUILDSPEC))
}

pub(super) fn place(build: &Build) -> Result<Vec<Placed>, Trouble> {
    source::place(build).map_err(|unusable| client_error(unusable.to_string()))
}

pub(super) fn parse(text: &str) -> Result<Buildspec, Trouble> {
    buildspec::parse(text).map_err(|error| Trouble::Ends(yaml_error(error.to_string())))
}

pub(super) fn client_error(message: impl Into<String>) -> Trouble {
    Trouble::Ends(Outcome::failed("CLIENT_ERROR", message))
}

fn yaml_error(message: impl Into<String>) -> Outcome {
    Outcome::failed("YAML_FILE_ERROR", message)
}

/// Fetches one source. Gives the version that it turned out to be, if it has one.
async fn fetch(
    drive: &Drive<'_>,
    build: &Build,
    placed: &Placed,
    folder: &Folder,
) -> Result<Option<String>, Trouble> {
    let which = match &placed.identifier {
        None => "for primary source".to_owned(),
        Some(identifier) => format!("for source {identifier}"),
    };
    // An earlier attempt may have left something.
    let into =
        folder.workspace().empty_directory(&placed.directory).map_err(|error| {
            match source::is_of_path(&error) {
                true => client_error(format!("{}: {error} {which}", placed.directory.display())),
                false => Trouble::Fault(Fault::Io(error)),
            }
        })?;
    match &placed.origin {
        Origin::NoSource => Ok(None),
        Origin::CodePipeline => {
            let version = placed.version.as_deref().unwrap_or_default();
            let (bucket, key) =
                s3::split(version).ok_or_else(|| client_error(format!("no input artifact {which}")))?;
            let which = format!("{which} and source version {version}");
            let fetched = fetch_object(drive, build, ObjectId::new(bucket, key), &into, folder, &which);
            Ok(fetched.await?.or_else(|| Some(version.to_owned())))
        }
        Origin::S3 { location } => {
            let (bucket, key) =
                s3::split(location).ok_or_else(|| client_error(format!("no S3 location {which}")))?;
            if key.ends_with('/') {
                let client = role_client(drive).await?;
                let fetched = s3::fetch_prefix(&client, bucket, key, &into).await;
                fetched.map_err(|error| refused(error, key, &which))?;
                return Ok(None);
            }
            let version_id = placed.version.clone().filter(|version| !version.is_empty());
            let object = ObjectId { version_id, ..ObjectId::new(bucket, key) };
            fetch_object(drive, build, object, &into, folder, &which).await
        }
        Origin::CodeCommit(repository) => {
            let version = placed.version.as_deref();
            fetch_commit(drive, build, repository, version, depth(build, placed), &into, &which)
                .await
                .map(Some)
        }
        Origin::Git(repository) => {
            git_source::clone(drive, build, placed, repository, folder, &into, &which).await.map(Some)
        }
    }
}

pub(super) async fn role_client(drive: &Drive<'_>) -> Result<aws::Client, Trouble> {
    let denied = |error: &aws::Error| Outcome::failed("CLIENT_ERROR", error.message.clone());
    drive.role.client().await.map_err(|error| Trouble::of(error, denied))
}

/// Gives the commit if the object names one instead of being an archive.
async fn fetch_object(
    drive: &Drive<'_>,
    build: &Build,
    object: ObjectId,
    into: &Path,
    folder: &Folder,
    which: &str,
) -> Result<Option<String>, Trouble> {
    let client = role_client(drive).await?;
    let fetched = s3::fetch_archive(&client, &object, into, folder.path()).await;
    let Some(reference) = fetched.map_err(|error| refused(error, &object.key, which))? else {
        return Ok(None);
    };
    if let Some(connection) = &reference.connection {
        return git_source::clone_reference(drive, build, &reference, connection, into, which)
            .await
            .map(Some);
    }
    let repository = codecommit::Repository::parse(&reference.clone_url).ok_or_else(|| {
        client_error(format!("{} is no repository that can be cloned {which}", reference.clone_url))
    })?;
    fetch_commit(drive, build, &repository, Some(&reference.commit_id), None, into, which).await.map(Some)
}

fn depth(build: &Build, placed: &Placed) -> Option<i32> {
    let settings = &build.configuration.0;
    let mut declared = settings.source.iter().chain(settings.secondary_sources.iter().flatten());
    declared.find(|source| source.source_identifier == placed.identifier)?.git_clone_depth
}

fn refused(error: s3::Error, key: &str, which: &str) -> Trouble {
    match error {
        s3::Error::Refused(error) => Trouble::of(error, |error| {
            let aws::Error { code, message, status, .. } = error;
            Outcome::failed("CLIENT_ERROR", format!("{code}: {message} status code: {status} {which}"))
        }),
        s3::Error::Archive(error) if error.is_of_machine() => {
            Trouble::Fault(Fault::Io(std::io::Error::other(error)))
        }
        s3::Error::Archive(error) => client_error(format!("error while unpacking {key}: {error} {which}")),
        s3::Error::Invalid(message) => {
            client_error(format!("error while downloading key {key}, error: {message}"))
        }
        s3::Error::Io(error) => Trouble::Fault(Fault::Io(error)),
    }
}

async fn fetch_commit(
    drive: &Drive<'_>,
    build: &Build,
    repository: &codecommit::Repository,
    version: Option<&str>,
    depth: Option<i32>,
    into: &Path,
    which: &str,
) -> Result<String, Trouble> {
    let denied = |error: &aws::Error| Outcome::failed("CLIENT_ERROR", error.message.clone());
    let credentials = drive.role.credentials().await.map_err(|error| Trouble::of(error, denied))?;
    let fetch = codecommit::Fetch {
        repository,
        region: source::region(repository, build),
        endpoint: &drive.codebuild.config.endpoint,
        credentials: &credentials,
        version,
        depth,
        into,
    };
    let version = version.unwrap_or_default();
    fetch.run().await.map_err(|error| match error {
        codecommit::Error::ReferenceNotFound => client_error(format!("reference not found {which}")),
        error @ (codecommit::Error::RepositoryNotFound | codecommit::Error::AuthorizationFailed) => {
            client_error(format!("{error} {which} and source version {version}"))
        }
        error @ codecommit::Error::Git(_) => client_error(format!("{error} {which}")),
        codecommit::Error::Io(error) => Trouble::Fault(Fault::Io(error)),
    })
}

/// Inline, in S3, or in the primary source; says where.
async fn read_buildspec(
    drive: &Drive<'_>,
    build: &Build,
    sources: &[Placed],
    folder: &Folder,
) -> Result<String, Trouble> {
    let given = build.configuration.0.source.as_ref().and_then(|source| source.buildspec.clone());
    let given = given.filter(|text| !text.trim().is_empty());
    let inline_path = "/codebuild/readonly/buildspec.yml";
    let text = match given {
        Some(text) if is_inline(&text) => text,
        Some(arn) if arn.starts_with("arn:") => {
            let (bucket, key) = s3::split(&arn)
                .ok_or_else(|| Trouble::Ends(yaml_error(format!("{arn} is no ARN of an object"))))?;
            let client = role_client(drive).await?;
            read_object(&client, &ObjectId::new(bucket, key)).await?
        }
        path => return read_source_file(path.as_deref().unwrap_or("buildspec.yml"), sources, folder),
    };
    folder.append_output(&agent_line(&format!("YAML location is {inline_path}")))?;
    std::fs::write(folder.read_only().join("buildspec.yml"), &text)?;
    Ok(text)
}

fn read_source_file(path: &str, sources: &[Placed], folder: &Folder) -> Result<String, Trouble> {
    let base = sources.first().map(|placed| placed.directory.clone()).unwrap_or_default();
    let path = base.join(path);
    let file = folder.workspace().open_file(&path).map_err(|error| match error.is_not_found() {
        true => {
            let message = format!("stat {}: no such file or directory", path.display());
            Trouble::Ends(yaml_error(format!("YAML file does not exist: {message}")))
        }
        false => Trouble::Ends(yaml_error(error.to_string())),
    })?;
    folder.append_output(&agent_line(&format!("YAML location is {}", path.display())))?;
    let mut text = String::new();
    let read =
        std::io::Read::read_to_string(&mut std::io::Read::take(file, MAX_BUILDSPEC_BYTES + 1), &mut text);
    read.map_err(|error| Trouble::Ends(yaml_error(format!("{}: {error}", path.display()))))?;
    bounded(text)
}

async fn read_object(client: &aws::Client, object: &ObjectId) -> Result<String, Trouble> {
    let refused = |error: &aws::Error| yaml_error(format!("{}: {}", error.code, error.message));
    let (_, body) = client.get_object(object).await.map_err(|error| Trouble::of(error, refused))?;
    let mut text = String::new();
    let mut reader = tokio_util::io::StreamReader::new(body).take(MAX_BUILDSPEC_BYTES + 1);
    reader.read_to_string(&mut text).await.map_err(|error| Trouble::Ends(yaml_error(error.to_string())))?;
    bounded(text)
}

fn bounded(text: String) -> Result<String, Trouble> {
    match text.len() as u64 > MAX_BUILDSPEC_BYTES {
        true => {
            Err(Trouble::Ends(yaml_error(format!("the buildspec has more than {MAX_BUILDSPEC_BYTES} bytes"))))
        }
        false => Ok(text),
    }
}

/// What else CodeBuild's agent tells before the first phase, and what has no effect here.
fn describe(
    say: &impl Fn(&str) -> std::io::Result<()>,
    build: &Build,
    sources: &[Placed],
    spec: &Buildspec,
    containers: &Containers,
) -> std::io::Result<()> {
    let install = spec.phases.iter().find(|phase| !phase.runtime_versions.is_empty());
    match install {
        None => say("No runtime version selected in buildspec.")?,
        Some(_) => say(
            "Skipping install of runtimes. Runtime version selection is not supported by this build image",
        )?,
    }
    let is_here = containers.pool(build).is_none();
    let in_sandbox = is_here && containers.of(build).is_ok_and(|container| container.is_none());
    if let Some(environment) = build.configuration.0.environment.as_ref().filter(|_| in_sandbox) {
        say(&format!("Image {} is not used: commands run with this machine's programs", environment.image))?;
        if environment.privileged_mode == Some(true) {
            say("privilegedMode has no effect: there is no Docker daemon in the sandbox")?;
        }
    }
    if let Some(primary) = sources.first() {
        say(&format!("Moving to directory {}", primary.directory.display()))?;
    }
    let modes = build.configuration.0.cache.iter().flat_map(|cache| cache.modes.iter().flatten());
    let is_privileged = build.is_privileged();
    for mode in modes {
        match mode {
            // What was fetched of Git repositories is kept for every build.
            CacheMode::LocalCustomCache | CacheMode::LocalSourceCache => {}
            CacheMode::LocalDockerLayerCache if !is_privileged => {
                say(&format!("{mode} has no effect without privilegedMode"))?;
            }
            CacheMode::LocalDockerLayerCache if in_sandbox => {
                say(&format!("{mode} has no effect: there is no Docker daemon in the sandbox"))?;
            }
            CacheMode::LocalDockerLayerCache => {}
            CacheMode::Other(_) => say(&format!("{mode} has no effect here"))?,
        }
    }
    Ok(())
}

/// Keys that mean nothing, in the words of CodeBuild's agent.
fn tell_unknown_keys(say: &impl Fn(&str) -> std::io::Result<()>, spec: &Buildspec) -> std::io::Result<()> {
    let unknown = spec.passed_over.iter().filter(|key| matches!(key.why, Why::Unknown { .. }));
    let unknown: Vec<(&str, &str)> = unknown
        .map(|key| key.path.rsplit_once('.').unwrap_or(("buildspec", &key.path)))
        .take(MAX_UNKNOWN_KEYS)
        .collect();
    if !unknown.is_empty() {
        say("Found possible syntax errors in buildspec: ")?;
    }
    for keys in unknown.chunk_by(|(section, _), (next, _)| section == next) {
        say(&format!("In the section {}", keys[0].0))?;
        say("\tThe following keys cannot be identified:")?;
        for (_, name) in keys {
            say(&format!("\t\t{name}"))?;
        }
    }
    Ok(())
}

fn describe_phases(say: &impl Fn(&str) -> std::io::Result<()>, spec: &Buildspec) -> std::io::Result<()> {
    say(&format!("Phases found in YAML: {}", spec.phases.len()))?;
    for phase in &spec.phases {
        say(&format!(" {}: {} commands", phase.phase, phase.commands.len()))?;
    }
    Ok(())
}
