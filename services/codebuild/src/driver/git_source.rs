//! Sources at Git hosts: what is shown to the host, the clone, and how a failure is told.

use std::path::Path;

use aws::clone_reference::{CloneReference, ThroughConnection};
use codebuild_model::ProjectSource;
use githost::clones::Wanted;
use githost::version::Version;
use githost::{Failure, Remote};
use runner::{Folder, agent_line};

use super::{
    Fault,
    download::client_error,
    drive::{Drive, Trouble},
};
use crate::{
    host_access::{Denied, HostAccess},
    records::Build,
    source::{Placed, git},
};

/// Clones a source and checks it out. Gives the commit.
pub(super) async fn clone(
    drive: &Drive<'_>,
    build: &Build,
    placed: &Placed,
    repository: &git::Repository,
    folder: &Folder,
    into: &Path,
    which: &str,
) -> Result<String, Trouble> {
    let source = declared(build, placed);
    let access = access(drive, build);
    let (remote, withheld) = access.remote(&source, repository).await.map_err(trouble)?;
    if let Some(why) = withheld {
        folder.append_output(&agent_line(&why))?;
    }
    let told = placed.version.as_deref().filter(|version| !version.is_empty());
    let which = told.map_or_else(|| which.to_owned(), |told| format!("{which} and source version {told}"));
    let Some(version) = Version::parse(told, repository.provider) else {
        return Err(client_error(format!("reference not found {which}")));
    };
    clone_from(drive, &remote, &source, &version, into, &which).await
}

/// Clones the commit that an artifact of a pipeline names, with its history, through the pipeline's connection.
pub(super) async fn clone_reference(
    drive: &Drive<'_>,
    build: &Build,
    reference: &CloneReference,
    connection: &ThroughConnection,
    into: &Path,
    which: &str,
) -> Result<String, Trouble> {
    let remote = access(drive, build).referred(&reference.clone_url, connection).await.map_err(trouble)?;
    let source = build.configuration.0.source.clone().unwrap_or_default();
    let source = ProjectSource { git_clone_depth: None, ..source };
    let version = Version::Commit(reference.commit_id.clone());
    clone_from(drive, &remote, &source, &version, into, which).await
}

async fn clone_from(
    drive: &Drive<'_>,
    remote: &Remote,
    source: &ProjectSource,
    version: &Version,
    into: &Path,
    which: &str,
) -> Result<String, Trouble> {
    let wanted =
        Wanted { remote, version, depth: git::depth(source), submodules: git::has_submodules(source), into };
    drive.codebuild.clones.clone(&wanted).await.map_err(|failure| match failure {
        Failure::Io(error) => Trouble::Fault(Fault::Io(error)),
        failure => client_error(format!("{failure} {which}")),
    })
}

pub(super) fn access<'a>(drive: &'a Drive<'_>, build: &'a Build) -> HostAccess<'a> {
    HostAccess { codebuild: drive.codebuild, scope: &build.scope, role: &drive.role }
}

pub(super) fn trouble(denied: Denied) -> Trouble {
    match denied {
        Denied::Refused(message) => client_error(message),
        Denied::Fault(error) => Trouble::Fault(Fault::Service(error)),
    }
}

/// The settings of a source.
fn declared(build: &Build, placed: &Placed) -> ProjectSource {
    let settings = &build.configuration.0;
    let mut declared = settings.source.iter().chain(settings.secondary_sources.iter().flatten());
    let found = match &placed.identifier {
        None => settings.source.as_ref(),
        identifier => declared.find(|source| source.source_identifier == *identifier),
    };
    found.cloned().unwrap_or_default()
}
