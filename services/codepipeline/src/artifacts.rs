//! Where artifacts lie: `<pipeline, 20 characters>/<artifact, 10 characters>/<7 random>`.
//!
//! Names are cut so that policies which are limited to single artifacts stay small.
//! Source: CodePipeline User Guide, "Input and output artifacts"; keys as observed.

use crate::engine::{ActionExecutionId, ExecutionId};
use crate::providers::Artifact;

const PIPELINE_LENGTH: usize = 20;
const ARTIFACT_LENGTH: usize = 10;
const RANDOM_LENGTH: usize = 7;
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The place of an output artifact: a new one for each action execution, and always the same for that one.
pub fn place(bucket: &str, pipeline: &str, artifact: &str, action: ActionExecutionId) -> Artifact {
    let key = key(pipeline, artifact, &[action.0.as_bytes(), artifact.as_bytes()]);
    Artifact { name: artifact.to_owned(), bucket: bucket.to_owned(), key }
}

/// The place of an artifact's copy in another region's bucket: always the same for an execution that needs it there.
pub fn copy(bucket: &str, pipeline: &str, made: &Artifact, execution: ExecutionId) -> Artifact {
    let source = format!("{}/{}", made.bucket, made.key);
    let key = key(pipeline, &made.name, &[execution.0.as_bytes(), source.as_bytes()]);
    Artifact { name: made.name.clone(), bucket: bucket.to_owned(), key }
}

/// What identifies it is random in one of its parts: so is what is made of it.
fn key(pipeline: &str, artifact: &str, identity: &[&[u8]]) -> String {
    let pipeline: String = pipeline.chars().take(PIPELINE_LENGTH).collect();
    let short: String = artifact.chars().take(ARTIFACT_LENGTH).collect();
    format!("{pipeline}/{short}/{}", last_part(identity))
}

fn last_part(identity: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in identity {
        hasher.update(part);
    }
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

    #[test]
    fn a_copy_has_a_place_for_each_execution_and_each_attempt_at_its_original() {
        let made = |action: u128| place("home", "web", "App", ActionExecutionId(Uuid::from_u128(action)));
        let copy = |made: &Artifact, execution: u128| {
            super::copy("abroad", "web", made, ExecutionId(Uuid::from_u128(execution)))
        };
        assert_eq!(copy(&made(1), 1), copy(&made(1), 1));
        assert_eq!(copy(&made(1), 1).bucket, "abroad");
        assert!(copy(&made(1), 1).key.starts_with("web/App/"));
        assert_ne!(copy(&made(1), 1), copy(&made(2), 1));
        assert_ne!(copy(&made(1), 1), copy(&made(1), 2));
    }
}
