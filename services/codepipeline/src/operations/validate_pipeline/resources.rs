use aws::Client;
use aws::objects::ObjectId;
use codecommit_model::GetBranch;
use codepipeline_model::PipelineFinding;
use sns_model::GetTopicAttributes;

use super::{ERROR, WARNING, finding};
use crate::needs::{Need, Resource};

/// What is not there, as far as the caller may see.
pub(super) async fn missing(caller: &Client, needs: &[Need]) -> Vec<PipelineFinding> {
    let mut findings = Vec::new();
    for need in needs {
        findings.extend(look(caller, need).await);
    }
    findings
}

async fn look(caller: &Client, need: &Need) -> Option<PipelineFinding> {
    match &need.resource {
        Resource::Bucket(bucket) => of_bucket(caller.bucket_location(bucket).await.err()?, bucket, need),
        Resource::VersionedBucket(bucket) => match caller.bucket_versioning(bucket).await {
            Ok(true) => None,
            Ok(false) => {
                let message = format!("The bucket '{bucket}' is not versioned, which a source must be.");
                Some(finding(ERROR, "ConfigurationError", &need.path, message))
            }
            Err(error) => of_bucket(error, bucket, need),
        },
        Resource::Object { bucket, key } => {
            let error = caller.head_object(&ObjectId::new(bucket, key)).await.err()?;
            // A bucket that is not there has been told already; an object may come before the pipeline starts.
            (error.code == "NoSuchKey").then(|| {
                let message = format!("The bucket '{bucket}' has no object '{key}' yet.");
                finding(WARNING, "NoSuchKey", &need.path, message)
            })
        }
        Resource::Branch { repository, branch } => {
            let get =
                GetBranch { repository_name: Some(repository.clone()), branch_name: Some(branch.clone()) };
            let error = caller.call(get).await.err()?;
            match &*error.code {
                "RepositoryDoesNotExistException" => {
                    let path = need.path.replace("BranchName", "RepositoryName");
                    let message = format!("There is no repository '{repository}'.");
                    Some(finding(ERROR, &error.code, &path, message))
                }
                "BranchDoesNotExistException" => {
                    let message = format!("The repository '{repository}' has no branch '{branch}'.");
                    Some(finding(ERROR, &error.code, &need.path, message))
                }
                _ => Some(unseen(need, &error)),
            }
        }
        // Its role is looked at as well: see `build_roles`.
        Resource::Project { .. } => None,
        Resource::Topic(arn) => {
            let error = caller.call(GetTopicAttributes { topic_arn: arn.clone() }).await.err()?;
            match &*error.code {
                "NotFound" | "InvalidParameter" => {
                    Some(finding(ERROR, &error.code, &need.path, format!("There is no topic '{arn}'.")))
                }
                _ => Some(unseen(need, &error)),
            }
        }
    }
}

fn of_bucket(error: aws::Error, bucket: &str, need: &Need) -> Option<PipelineFinding> {
    if error.code == "NoSuchBucket" {
        return Some(finding(ERROR, &error.code, &need.path, format!("There is no bucket '{bucket}'.")));
    }
    Some(unseen(need, &error))
}

pub(super) fn unseen(need: &Need, error: &aws::Error) -> PipelineFinding {
    finding(
        WARNING,
        &error.code,
        &need.path,
        format!("Whether it is there could not be seen: {}", error.message),
    )
}
