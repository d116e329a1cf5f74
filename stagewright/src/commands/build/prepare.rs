//! Makes what a build on a folder needs on a local platform, and starts it.

use aws::objects::PutObject;
use codebuild_model::{
    ArtifactPackaging, ArtifactsType, ComputeType, CreateProject, EnvironmentType, EnvironmentVariable,
    EnvironmentVariableType, ProjectArtifacts, ProjectEnvironment, ProjectSource, SourceType, StartBuild,
};
use futures_util::StreamExt;
use s3::NewBucket;
use ssm_model::{ParameterType, PutParameter};
use tokio_util::io::ReaderStream;

use super::{Intent, PRIMARY};
use crate::commands::run::plan::Trust;
use crate::commands::run::prepare::{self, create_role, packed};
use crate::commands::run::projects::IMAGE;
use crate::platform::local::Local;

/// The project, which is all that the platform builds.
const PROJECT: &str = "local";
/// Sources and artifacts.
pub const BUCKET: &str = "stagewright-build";
/// Of artifacts; their names follow.
pub const ARTIFACTS: &str = "artifacts";

/// How long a shell after a failure may stay open; the build's own time counts as well.
const HOLD_MINUTES: u32 = 480;

/// Why no build came about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Prepare(#[from] prepare::Error),
    #[error("{place}: {cause}")]
    Call { place: String, cause: aws::Error },
    #[error("StartBuild answered no build")]
    NotStarted,
}

impl Error {
    /// Whether something that the command was told is at fault.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Call { cause, .. } | Self::Prepare(prepare::Error::Refused { cause, .. }) => {
                !cause.is_fault()
            }
            Self::Prepare(_) | Self::NotStarted => false,
        }
    }
}

fn refused(place: impl Into<String>) -> impl FnOnce(aws::Error) -> Error {
    let place = place.into();
    move |cause| Error::Call { place, cause }
}

/// Gives the build's id.
pub async fn prepare(local: &Local, intent: &Intent) -> Result<String, Error> {
    let client = local.client();
    let role = format!("arn:aws:iam::{}:role/stagewright-build", client.scope().account);
    let trust = Trust { services: [codebuild::PRINCIPAL.to_owned()].into(), ..Trust::default() };
    create_role(&client, &role, &trust).await?;
    let bucket = NewBucket { name: BUCKET.to_owned(), ..NewBucket::default() };
    local.platform.make_bucket(&bucket).await.map_err(refused("the bucket"))?;
    let mut sources = Vec::new();
    for (index, (identifier, folder)) in intent.sources.iter().enumerate() {
        let key = format!("sources/{index}.zip");
        let body = ReaderStream::new(packed(local, folder)?).boxed();
        client.put_object(PutObject::new(BUCKET, &key, body)).await.map_err(refused("the source"))?;
        sources.push(ProjectSource {
            r#type: SourceType::S3,
            location: Some(format!("{BUCKET}/{key}")),
            source_identifier: identifier.clone(),
            ..ProjectSource::default()
        });
    }
    for secret in &intent.secrets {
        let put = PutParameter {
            name: parameter(&secret.name),
            value: secret.value.clone(),
            r#type: Some(ParameterType::SecureString),
            ..PutParameter::default()
        };
        client.call(put).await.map_err(refused(format!("--secret {}", secret.name)))?;
    }
    client.call(project(intent, sources, role)).await.map_err(refused("the project"))?;
    let start = StartBuild {
        project_name: PROJECT.to_owned(),
        debug_session_enabled: Some(intent.shell_on_failure),
        ..StartBuild::default()
    };
    let started = client.call(start).await.map_err(refused("the build"))?.build;
    started.and_then(|build| build.id).ok_or(Error::NotStarted)
}

fn parameter(name: &str) -> String {
    format!("/stagewright/build/{name}")
}

fn project(intent: &Intent, mut sources: Vec<ProjectSource>, role: String) -> CreateProject {
    let secondary = sources.split_off(1);
    let mut source = sources.pop().unwrap_or_default();
    source.buildspec.clone_from(&intent.buildspec.given);
    let artifacts = intent.buildspec.artifacts.iter();
    let (primary, others): (Vec<_>, Vec<_>) =
        artifacts.map(|name| zip(name)).partition(|zip| zip.artifact_identifier.is_none());
    let nothing = || ProjectArtifacts { r#type: ArtifactsType::NoArtifacts, ..ProjectArtifacts::default() };
    CreateProject {
        name: PROJECT.to_owned(),
        source,
        secondary_sources: Some(secondary),
        artifacts: primary.into_iter().next().unwrap_or_else(nothing),
        secondary_artifacts: Some(others),
        environment: ProjectEnvironment {
            r#type: EnvironmentType::LinuxContainer,
            image: intent.image.clone().unwrap_or_else(|| IMAGE.to_owned()),
            compute_type: ComputeType::BuildGeneral1Large,
            environment_variables: Some(variables(intent)),
            ..ProjectEnvironment::default()
        },
        service_role: role,
        timeout_in_minutes: Some(intent.timeout_minutes),
        ..CreateProject::default()
    }
}

/// The later of two of one name counts.
fn variables(intent: &Intent) -> Vec<EnvironmentVariable> {
    let plain = intent.variables.iter().map(|pair| EnvironmentVariable {
        name: pair.name.clone(),
        value: pair.value.clone(),
        r#type: Some(EnvironmentVariableType::Plaintext),
    });
    let secret = intent.secrets.iter().map(|pair| EnvironmentVariable {
        name: pair.name.clone(),
        value: parameter(&pair.name),
        r#type: Some(EnvironmentVariableType::ParameterStore),
    });
    let hold = intent.shell_on_failure.then(|| EnvironmentVariable {
        name: codebuild::HOLD_MINUTES.to_owned(),
        value: HOLD_MINUTES.to_string(),
        r#type: Some(EnvironmentVariableType::Plaintext),
    });
    let mut variables: Vec<EnvironmentVariable> = Vec::new();
    for variable in plain.chain(secret).chain(hold) {
        variables.retain(|known| known.name != variable.name);
        variables.push(variable);
    }
    variables
}

fn zip(name: &str) -> ProjectArtifacts {
    ProjectArtifacts {
        r#type: ArtifactsType::S3,
        location: Some(BUCKET.to_owned()),
        path: Some(ARTIFACTS.to_owned()),
        name: Some(name.to_owned()),
        packaging: Some(ArtifactPackaging::Zip),
        artifact_identifier: Some(name.to_owned()).filter(|name| name != PRIMARY),
        ..ProjectArtifacts::default()
    }
}
