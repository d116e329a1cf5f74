//! What the credentials of a job may do: read its inputs and write its outputs. The session has no more than this policy
//! and the role both allow.

use serde_json::{Value, json};

use crate::providers::Artifact;

const VERSION: &str = "2012-10-17";

/// `None`: the job has no artifacts, and needs no credentials.
pub(super) fn session_policy(inputs: &[Artifact], outputs: &[Artifact]) -> Option<String> {
    let mut statements = Vec::new();
    if !inputs.is_empty() {
        statements.push(allow(&["s3:GetObject", "s3:GetObjectVersion"], inputs));
    }
    if !outputs.is_empty() {
        // The last two are for uploads in several parts.
        statements.push(allow(
            &["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            outputs,
        ));
    }
    (!statements.is_empty()).then(|| json!({"Version": VERSION, "Statement": statements}).to_string())
}

fn allow(actions: &[&str], artifacts: &[Artifact]) -> Value {
    let resources =
        artifacts.iter().map(|artifact| format!("arn:aws:s3:::{}/{}", artifact.bucket, artifact.key));
    json!({"Effect": "Allow", "Action": actions, "Resource": resources.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(number: usize) -> Artifact {
        let key = format!("a-pipeline-with-a-lo/SourceArti/{number:07}");
        Artifact { name: format!("A{number}"), bucket: "b".repeat(63), key }
    }

    #[test]
    fn it_names_the_artifacts_and_nothing_else() {
        let policy: Value =
            serde_json::from_str(&session_policy(&[artifact(1)], &[artifact(2)]).unwrap()).unwrap();
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements[0]["Action"], json!(["s3:GetObject", "s3:GetObjectVersion"]));
        let bucket = "b".repeat(63);
        let resource = format!("arn:aws:s3:::{bucket}/a-pipeline-with-a-lo/SourceArti/0000002");
        assert_eq!(statements[1]["Resource"], json!([resource]));
        assert_eq!(session_policy(&[], &[]), None);
    }

    #[test]
    fn the_artifacts_of_a_custom_action_fit_into_a_session_policy() {
        let five: Vec<Artifact> = (0..5).map(artifact).collect();
        assert!(session_policy(&five, &five).unwrap().len() <= 2048);
    }
}
