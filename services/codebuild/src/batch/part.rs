//! Builds that a batch asks for.
//!
//! A batch starts its builds by the API, as its own role. That a call is a batch's stands in the idempotency token; it
//! counts only from this service itself, and only if the role is that of the batch.

use aws::{Ctx, Principal, Timestamp};
use codebuild_model::StartBuild;
use store::WriteTx;
use uuid::Uuid;

use super::{state::Event, tell::change};
use crate::{
    CodeBuild, PRINCIPAL,
    error::Error,
    records::{Batch, Build, BuildId, PartOf},
};

const PREFIX: &str = "batch";

/// The idempotency token by which a batch asks for a build.
pub(super) fn token(batch: Uuid, build: Uuid) -> String {
    format!("{PREFIX}/{batch}/{build}")
}

/// A build that a batch asks for: the batch as it is, and the id that the build is to have.
pub(crate) struct Wanted {
    pub batch: Batch,
    pub build: Uuid,
    pub part_of: PartOf,
}

impl Wanted {
    /// None for a call that is no batch's.
    /// Errors: `InvalidInput` if the batch no longer wants the build.
    pub async fn of(
        codebuild: &CodeBuild,
        ctx: &Ctx,
        project: &str,
        token: Option<&str>,
    ) -> Result<Option<Self>, Error> {
        let Some((batch, build)) = token.and_then(parse).filter(|(batch, _)| is_role_of(ctx, *batch)) else {
            return Ok(None);
        };
        let id = BuildId { project: project.to_owned(), uuid: batch };
        let key = Batch::key_of(&ctx.scope, &id);
        let batch = codebuild.store.read(move |tx| tx.get::<Batch>(&key)).await?;
        let batch = batch.map(store::Versioned::into_inner).ok_or_else(unwanted)?;
        let group = batch.group_of(build).ok_or_else(unwanted)?;
        let part_of =
            PartOf { batch: id.uuid, identifier: group.build.identifier.clone(), shard: group.build.shard };
        Ok(Some(Self { batch, build, part_of }))
    }
}

fn parse(token: &str) -> Option<(Uuid, Uuid)> {
    let (batch, build) = token.strip_prefix(PREFIX)?.strip_prefix('/')?.split_once('/')?;
    Some((batch.parse().ok()?, build.parse().ok()?))
}

/// The session's name says which batch it is for: nobody but this service can be called by this service.
fn is_role_of(ctx: &Ctx, batch: Uuid) -> bool {
    let Principal::AssumedRole { session_name: session, .. } = &ctx.caller.principal else { return false };
    ctx.invoked_by.as_deref() == Some(PRINCIPAL) && *session == session_name(batch)
}

pub(super) fn session_name(batch: Uuid) -> String {
    format!("AWSCodeBuild-{batch}")
}

fn unwanted() -> Error {
    Error::InvalidInput("The batch no longer wants this build".to_owned())
}

/// Tells a batch, in the transaction that makes the build, that the build is there.
pub(crate) fn started(tx: &mut WriteTx<'_>, build: &Build, at: Timestamp) -> Result<(), Error> {
    let Some(part) = &build.part_of else { return Ok(()) };
    let id = BuildId { project: build.id.project.clone(), uuid: part.batch };
    change(tx, &build.scope, &id, Event::Started { build: build.id.uuid }, at)?
        .map(|_| ())
        .ok_or_else(unwanted)
}

/// What StartBuild is called with for a group of a batch.
pub(super) fn start_build(batch: &Batch, identifier: &str, build: Uuid) -> Option<StartBuild> {
    let own = &batch.groups.iter().find(|group| group.build.identifier == identifier)?.build;
    let (artifacts, secondary) = super::artifacts::of_build(batch, identifier);
    let variables = own.variables.iter().map(|(name, value)| codebuild_model::EnvironmentVariable {
        name: name.clone(),
        value: value.clone(),
        r#type: None,
    });
    let fleet =
        own.fleet.as_ref().map(|fleet| codebuild_model::ProjectFleet { fleet_arn: Some(fleet.clone()) });
    let debug = own.debug_session || batch.debug_session && identifier != crate::buildspec::DOWNLOAD_SOURCE;
    Some(StartBuild {
        project_name: batch.id.project.clone(),
        source_version: version(batch, identifier),
        artifacts_override: Some(artifacts),
        secondary_artifacts_override: Some(secondary),
        buildspec_override: own.buildspec.clone(),
        compute_type_override: own.compute_type.as_deref().map(Into::into),
        fleet_override: fleet,
        image_override: own.image.clone(),
        privileged_mode_override: own.privileged_mode,
        environment_type_override: own.environment_type.as_deref().map(Into::into),
        environment_variables_override: Some(variables.collect::<Vec<_>>()).filter(|list| !list.is_empty()),
        debug_session_enabled: debug.then_some(true),
        idempotency_token: Some(token(batch.id.uuid, build)),
        ..StartBuild::default()
    })
}

/// All builds take the commit that the first one found.
fn version(batch: &Batch, identifier: &str) -> Option<String> {
    use codebuild_model::SourceType as Source;
    let resolved = batch.resolved_source_version.clone();
    let is_git =
        batch.configuration.0.source.as_ref().is_some_and(|source| {
            !matches!(source.r#type, Source::S3 | Source::Codepipeline | Source::NoSource)
        });
    match resolved {
        Some(commit) if is_git && identifier != crate::buildspec::DOWNLOAD_SOURCE => {
            // That of a fork has no other name in this repository.
            let request = batch.source_version.as_deref().filter(|version| version.starts_with("pr/"));
            let request = request.and_then(|version| version.split("^{").next());
            Some(request.map(|request| format!("{request}^{{{commit}}}")).unwrap_or(commit))
        }
        _ => batch.source_version.clone(),
    }
}
