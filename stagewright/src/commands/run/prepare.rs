//! Makes what a plan needs on a local platform, and creates the pipeline, which starts its run.

use std::collections::BTreeMap;
use std::fs::File;

use aws::objects::PutObject;
use aws::{Arn, Client};
use codebuild_model::CreateProject;
use codepipeline_model::{CreatePipeline, ListPipelineExecutions};
use futures_util::StreamExt;
use iam_model::{CreateRole, PutRolePolicy};
use serde_json::json;
use tokio_util::io::ReaderStream;

use super::follow::Execution;
use super::plan::{Plan, SourceObject, Trust};
use super::source::SourceFolder;
use crate::platform::local::Local;

/// What S3 sources show as the summary of a revision. Source: CodePipeline User Guide, "Amazon S3 source action".
const SUMMARY: &str = "codepipeline-artifact-revision-summary";

/// What the roles of a run may do. There is nothing on a local platform but what belongs to the run.
const PERMISSIONS: [&str; 5] = ["s3:*", "codebuild:*", "logs:*", "sts:AssumeRole", "ssm:GetParameters"];

/// Why a run did not come about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that the definition or a project's file says is refused.
    #[error("{place}: {cause}")]
    Refused { place: String, cause: aws::Error },
    #[error(transparent)]
    Source(#[from] super::source::Error),
    #[error("a temporary file: {0}")]
    Io(#[from] std::io::Error),
    #[error("the pipeline was created, but did not start")]
    NotStarted,
}

fn refused(place: impl Into<String>) -> impl FnOnce(aws::Error) -> Error {
    let place = place.into();
    move |cause| Error::Refused { place, cause }
}

/// `folders` are those of source actions, by action.
pub async fn prepare(
    local: &Local,
    plan: &Plan,
    projects: Vec<CreateProject>,
    folders: &BTreeMap<String, SourceFolder>,
) -> Result<Execution, Error> {
    let client = local.client();
    let mut needs = plan.needs.clone();
    for project in &projects {
        needs.trust_service(&project.service_role, codebuild::PRINCIPAL);
    }
    for (role, trust) in in_order_of_trust(&needs.roles) {
        create_role(&client, role, trust).await?;
    }
    for bucket in needs.buckets.values() {
        local.platform.make_bucket(bucket).await.map_err(refused(format!("bucket {}", bucket.name)))?;
    }
    for source in &plan.sources {
        if let Some(folder) = folders.get(&source.action) {
            put_source(local, &client, source, folder).await?;
        }
    }
    for project in projects {
        let place = format!("project {}", project.name);
        client.call(project).await.map_err(refused(place))?;
    }
    let pipeline = plan.declaration.name.clone();
    client
        .call(CreatePipeline { pipeline: plan.declaration.clone(), tags: None })
        .await
        .map_err(refused(format!("pipeline {pipeline}")))?;
    first_execution(&client, &pipeline).await
}

/// A role can be trusted only once it is there.
fn in_order_of_trust(roles: &BTreeMap<String, Trust>) -> Vec<(&str, &Trust)> {
    let mut ordered: Vec<_> = roles.iter().map(|(role, trust)| (role.as_str(), trust)).collect();
    ordered.sort_by_key(|(_, trust)| !trust.roles.is_empty());
    ordered
}

/// `role` is an ARN. Errors: `Refused`.
pub async fn create_role(client: &Client, role: &str, trust: &Trust) -> Result<(), Error> {
    let (path, name) = path_and_name(role);
    let mut principal = serde_json::Map::new();
    if !trust.services.is_empty() {
        principal.insert("Service".to_owned(), json!(trust.services));
    }
    if !trust.roles.is_empty() {
        principal.insert("AWS".to_owned(), json!(trust.roles));
    }
    let trusts = json!({"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]});
    let create = CreateRole {
        path: Some(path),
        role_name: name.clone(),
        assume_role_policy_document: trusts.to_string(),
        ..CreateRole::default()
    };
    client.call(create).await.map_err(refused(role))?;
    let allows = json!({"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": PERMISSIONS, "Resource": "*"}]});
    let put = PutRolePolicy {
        role_name: name,
        policy_name: "local-run".to_owned(),
        policy_document: allows.to_string(),
    };
    client.call(put).await.map_err(refused(role))?;
    Ok(())
}

/// `arn:aws:iam::123456789012:role/service-role/web` → `/service-role/` and `web`.
fn path_and_name(role: &str) -> (String, String) {
    let resource = role.parse::<Arn>().map_or_else(|_| role.to_owned(), |arn| arn.resource);
    let resource = resource.strip_prefix("role").unwrap_or(&resource);
    let (path, name) = resource.rsplit_once('/').unwrap_or(("", resource));
    (format!("{path}/"), name.to_owned())
}

async fn put_source(
    local: &Local,
    client: &Client,
    source: &SourceObject,
    folder: &SourceFolder,
) -> Result<(), Error> {
    let body = ReaderStream::new(packed(local, folder)?).boxed();
    let mut put = PutObject::new(&source.bucket, &source.key, body);
    put.content_type = Some("application/zip".to_owned());
    put.metadata.insert(SUMMARY.to_owned(), folder.summary());
    client.put_object(put).await.map_err(refused(format!("{}/{}", source.stage, source.action)))?;
    Ok(())
}

/// A folder as a ZIP that is to be read from its beginning. Takes as long as the packing does, on a thread that may.
pub fn packed(local: &Local, folder: &SourceFolder) -> Result<tokio::fs::File, Error> {
    let target = tempfile::tempfile_in(local.work_folder()?)?;
    let archive = tokio::task::block_in_place(|| folder.pack(target))?;
    Ok(from_start(archive)?)
}

fn from_start(mut file: File) -> Result<tokio::fs::File, std::io::Error> {
    std::io::Seek::rewind(&mut file)?;
    Ok(tokio::fs::File::from_std(file))
}

/// The execution that creating the pipeline has started.
pub async fn first_execution(client: &Client, pipeline: &str) -> Result<Execution, Error> {
    let list = ListPipelineExecutions { pipeline_name: pipeline.to_owned(), ..Default::default() };
    let page = client.call(list).await.map_err(refused(format!("pipeline {pipeline}")))?;
    let newest = page.pipeline_execution_summaries.unwrap_or_default().into_iter().next();
    let id = newest.and_then(|summary| summary.pipeline_execution_id).ok_or(Error::NotStarted)?;
    Ok(Execution { pipeline: pipeline.to_owned(), id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_a_path_and_a_name() {
        let parts = |role: &str| path_and_name(&format!("arn:aws:iam::123456789012:{role}"));
        assert_eq!(parts("role/web"), ("/".to_owned(), "web".to_owned()));
        assert_eq!(parts("role/service-role/a/web"), ("/service-role/a/".to_owned(), "web".to_owned()));
    }
}
