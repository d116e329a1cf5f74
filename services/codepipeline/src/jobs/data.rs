//! A job as its worker gets it.

use aws::Credentials;
use codepipeline_model as model;
use seal::Sealer;

use super::Context;
use crate::error::Error;
use crate::providers::Artifact;

/// What a worker of the account's own gets.
pub(crate) fn job_data(
    context: &Context,
    sealer: &Sealer,
    credentials: Option<&Credentials>,
) -> Result<model::JobData, Error> {
    Ok(model::JobData {
        action_type_id: Some(context.declared.action_type_id.clone()),
        action_configuration: Some(configuration(context, sealer)?),
        pipeline_context: Some(model::PipelineContext {
            pipeline_arn: Some(context.pipeline.arn()),
            pipeline_execution_id: Some(context.action.execution.to_string()),
            ..pipeline_context(context)
        }),
        input_artifacts: Some(inputs(context)),
        output_artifacts: Some(outputs(context)),
        artifact_credentials: credentials.map(session),
        continuation_token: context.job.continuation_token.clone(),
        encryption_key: encryption_key(context),
    })
}

/// What a partner's worker gets: the same without the execution.
pub(crate) fn third_party_job_data(
    context: &Context,
    sealer: &Sealer,
    credentials: Option<&Credentials>,
) -> Result<model::ThirdPartyJobData, Error> {
    Ok(model::ThirdPartyJobData {
        action_type_id: Some(context.declared.action_type_id.clone()),
        action_configuration: Some(configuration(context, sealer)?),
        pipeline_context: Some(pipeline_context(context)),
        input_artifacts: Some(inputs(context)),
        output_artifacts: Some(outputs(context)),
        artifact_credentials: credentials.map(session),
        continuation_token: context.job.continuation_token.clone(),
        encryption_key: encryption_key(context),
    })
}

fn configuration(context: &Context, sealer: &Sealer) -> Result<model::ActionConfiguration, Error> {
    Ok(model::ActionConfiguration { configuration: Some(context.configuration(sealer)?) })
}

fn pipeline_context(context: &Context) -> model::PipelineContext {
    model::PipelineContext {
        pipeline_name: Some(context.pipeline.name.clone()),
        stage: Some(model::StageContext { name: Some(context.action.stage.clone()) }),
        action: Some(model::ActionContext {
            name: Some(context.action.action.clone()),
            action_execution_id: Some(context.action.id.to_string()),
        }),
        pipeline_arn: None,
        pipeline_execution_id: None,
    }
}

fn inputs(context: &Context) -> Vec<model::Artifact> {
    let inputs = context.action.inputs.iter();
    inputs.map(|input| located(input, context.revision_of(&input.name))).collect()
}

fn outputs(context: &Context) -> Vec<model::Artifact> {
    context.action.outputs.iter().map(|output| located(output, context.wanted_revision())).collect()
}

fn located(artifact: &Artifact, revision: Option<String>) -> model::Artifact {
    let s3_location =
        model::S3ArtifactLocation { bucket_name: artifact.bucket.clone(), object_key: artifact.key.clone() };
    model::Artifact {
        name: Some(artifact.name.clone()),
        revision,
        location: Some(model::ArtifactLocation {
            r#type: Some(model::ArtifactLocationType::S3),
            s3_location: Some(s3_location),
        }),
    }
}

fn session(credentials: &Credentials) -> model::AwsSessionCredentials {
    let token = credentials.session_token.as_ref().map(aws::Secret::reveal).unwrap_or_default();
    model::AwsSessionCredentials {
        access_key_id: credentials.access_key_id.clone(),
        secret_access_key: credentials.secret_access_key.reveal().to_owned(),
        session_token: token.to_owned(),
    }
}

/// None for S3's own key.
fn encryption_key(context: &Context) -> Option<model::EncryptionKey> {
    let store = context.definition.artifact_store(context.pipeline.scope.region.as_str())?;
    store.encryption_key.clone()
}
