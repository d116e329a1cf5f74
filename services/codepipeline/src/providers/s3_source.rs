//! S3 source: one version of one object, copied into the artifact store as it is.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws::objects::{ObjectHead, ObjectId, PutObject};

use super::work::cut;
use super::{Outcome, Provider, Report, Revision, Trouble, Work};
use crate::catalogue::{BuiltIn, Category, Key};

pub struct S3Source;

static ACTION_TYPES: [BuiltIn; 1] = [BuiltIn::aws(
    Category::Source,
    "S3",
    &[
        Key::required("S3Bucket", "The versioned bucket that holds the source."),
        Key::required("S3ObjectKey", "The object whose changes start the pipeline."),
        Key::optional("PollForSourceChanges", "Whether changes start the pipeline; true if left out."),
        Key::optional(
            "AllowOverrideForS3ObjectKey",
            "Whether an execution may name another object; false if left out.",
        ),
    ],
)
.outputs(1, 1)
.entity_url("https://console.aws.amazon.com/s3/home?#")];

/// User metadata that becomes the summary of the revision.
const SUMMARY_METADATA: &str = "codepipeline-artifact-revision-summary";
const SUMMARY_LIMIT: usize = 2048;
/// Bytes of a source object at most. Source: CodePipeline quotas.
const SIZE_LIMIT: u64 = 7 << 30;

#[async_trait]
impl Provider for S3Source {
    fn action_types(&self) -> &'static [BuiltIn] {
        &ACTION_TYPES
    }

    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        let source = source(work)?;
        if !work
            .client()
            .await?
            .bucket_versioning(&source.bucket)
            .await
            .map_err(|error| of_bucket(error, &source))?
        {
            return Err(Trouble::configuration(format!(
                "The S3 bucket '{}' is not versioned. Enable versioning on the bucket and try again.",
                source.bucket
            )));
        }
        let (head, body) =
            work.client().await?.get_object(&source).await.map_err(|error| of_object(error, &source))?;
        if head.size > SIZE_LIMIT {
            return Err(Trouble::configuration(format!(
                "The object '{}' has {} bytes, more than the maximum of {SIZE_LIMIT} bytes for a source artifact.",
                source.key, head.size
            )));
        }
        let output = work.output()?;
        let put = PutObject {
            content_type: head.content_type.clone(),
            kms_key_id: work.encryption_key.clone(),
            ..PutObject::new(&output.bucket, &output.key, body)
        };
        work.client().await?.put_object(put).await?;
        Ok(Outcome::Succeeded(report(&source, &head)))
    }
}

/// The object that the configuration names, unless the execution was started with another key or version.
fn source(work: &Work) -> Result<ObjectId, Trouble> {
    let mut source = ObjectId::new(work.required("S3Bucket")?, work.required("S3ObjectKey")?);
    source.version_id = work.revisions.get("S3_OBJECT_VERSION_ID").cloned();
    if let Some(key) = work.revisions.get("S3_OBJECT_KEY") {
        if !work.flag("AllowOverrideForS3ObjectKey", false)? {
            return Err(Trouble::configuration(format!(
                "Action '{}' does not allow another S3 object key. Set AllowOverrideForS3ObjectKey to true.",
                work.action
            )));
        }
        source.key.clone_from(key);
    }
    Ok(source)
}

fn report(source: &ObjectId, head: &ObjectHead) -> Report {
    // Objects from before versioning was enabled have the version "null".
    let version = head.version_id.clone().unwrap_or_else(|| "null".to_owned());
    let summary = format!("Amazon S3 version id: {version}");
    let described = head.metadata.get(SUMMARY_METADATA).map(|text| cut(text, SUMMARY_LIMIT));
    let variables = BTreeMap::from([
        ("BucketName".to_owned(), source.bucket.clone()),
        ("ETag".to_owned(), head.etag.clone()),
        ("ObjectKey".to_owned(), source.key.clone()),
        ("VersionId".to_owned(), version.clone()),
    ]);
    Report {
        summary: Some(described.clone().unwrap_or_else(|| summary.clone())),
        external_execution_id: Some(version.clone()),
        output_variables: Some(variables),
        revision: Some(Revision {
            id: version,
            change_identifier: None,
            summary: Some(described.unwrap_or(summary)),
            created: Some(head.last_modified),
            url: None,
        }),
        ..Report::default()
    }
}

fn of_bucket(error: aws::Error, source: &ObjectId) -> Trouble {
    match &*error.code {
        "NoSuchBucket" => {
            Trouble::configuration(format!("The S3 bucket '{}' does not exist.", source.bucket))
        }
        _ => error.into(),
    }
}

fn of_object(error: aws::Error, source: &ObjectId) -> Trouble {
    match &*error.code {
        "NoSuchKey" | "NoSuchVersion" => Trouble::configuration(format!(
            "The object with key '{}' does not exist in the S3 bucket '{}'.",
            source.key, source.bucket
        )),
        _ => of_bucket(error, source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_the_metadata_or_the_version() {
        let mut head =
            ObjectHead { version_id: Some("v1".into()), etag: "e".into(), ..ObjectHead::default() };
        let source = ObjectId::new("b", "app.zip");
        assert_eq!(report(&source, &head).summary.unwrap(), "Amazon S3 version id: v1");
        head.metadata.insert(SUMMARY_METADATA.into(), "Release 7".into());
        let report = report(&source, &head);
        assert_eq!(report.revision.unwrap().summary.as_deref(), Some("Release 7"));
        assert_eq!(report.output_variables.unwrap()["VersionId"], "v1");
    }
}
