//! Where artifacts lie: `<pipeline, 20 characters>/<artifact, 10 characters>/<7 random>`.
//!
//! Names are cut so that policies which are limited to single artifacts stay small.
//! Source: CodePipeline User Guide, "Input and output artifacts"; keys as observed.

use crate::engine::ActionExecutionId;
use crate::providers::Artifact;

const PIPELINE_LENGTH: usize = 20;
const ARTIFACT_LENGTH: usize = 10;
const RANDOM_LENGTH: usize = 7;
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The place of an output artifact: a new one for each action execution, and always the same for that one.
pub fn place(bucket: &str, pipeline: &str, artifact: &str, action: ActionExecutionId) -> Artifact {
    let pipeline: String = pipeline.chars().take(PIPELINE_LENGTH).collect();
    let short: String = artifact.chars().take(ARTIFACT_LENGTH).collect();
    let key = format!("{pipeline}/{short}/{}", last_part(artifact, action));
    Artifact { name: artifact.to_owned(), bucket: bucket.to_owned(), key }
}

/// Action execution ids are random: so is what is made of them.
fn last_part(artifact: &str, action: ActionExecutionId) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(action.0.as_bytes());
    hasher.update(artifact.as_bytes());
    let hash = hasher.finalize();
    let letters = hash.as_bytes().iter().map(|byte| ALPHABET[usize::from(*byte) % ALPHABET.len()] as char);
    letters.take(RANDOM_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn keys_have_the_form_that_clients_know() {
        let action = ActionExecutionId(Uuid::from_u128(1));
        let place = |artifact: &str| place("bucket", "a-pipeline-with-a-long-name", artifact, action).key;
        let key = place("SourceArtifact");
        let (prefix, last) = key.rsplit_once('/').unwrap();
        assert_eq!(prefix, "a-pipeline-with-a-lo/SourceArti");
        assert!(last.len() == 7 && last.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(key, place("SourceArtifact"));
        assert_ne!(key, place("SourceArtifact2"), "artifacts that begin alike do not meet");
    }
}
