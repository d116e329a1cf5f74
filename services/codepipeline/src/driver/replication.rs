//! Artifacts that were made in another region are brought into the store of the region in which they are needed, before
//! the work begins. As AWS does, the pipeline's role copies them.
//!
//! A copy's place follows from what is copied and for which execution: it is made once for all that need it there, and
//! making it twice does no harm.

use aws::Scope;
use aws::objects::{ObjectId, PutObject};

use crate::CodePipeline;
use crate::artifacts;
use crate::definition::Definition;
use crate::engine::ExecutionId;
use crate::providers::{Artifact, Trouble};
use crate::role::Role;

/// Where an artifact is taken in a region: where it lies, or else a copy in the region's store.
pub(super) fn place(
    definition: &Definition,
    scope: &Scope,
    pipeline: &str,
    execution: ExecutionId,
    made: &Artifact,
) -> Artifact {
    let stores = definition.declaration.artifact_stores.as_ref();
    match stores.and_then(|stores| stores.get(scope.region.as_str())) {
        Some(store) if store.location != made.bucket => {
            artifacts::copy(&store.location, pipeline, made, execution)
        }
        Some(_) | None => made.clone(),
    }
}

/// What has to be copied, and where to.
pub(super) struct Copies<'a> {
    /// Of the pipeline.
    pub(super) home: &'a Scope,
    /// Of the work.
    pub(super) scope: &'a Scope,
    pub(super) definition: &'a Definition,
    /// Where the inputs are to be.
    pub(super) inputs: &'a [Artifact],
    /// Where those lie that are to be copied, by the same names.
    pub(super) elsewhere: &'a [Artifact],
}

impl Copies<'_> {
    /// Errors: what S3 refuses the pipeline's role.
    pub(super) async fn make(&self, codepipeline: &CodePipeline, session: &str) -> Result<(), Trouble> {
        if self.elsewhere.is_empty() {
            return Ok(());
        }
        let role = &self.definition.declaration.role_arn;
        let role = Role::new(&codepipeline.client, self.home, role, None, session);
        let client = role.client().await?;
        let store = self.definition.artifact_store(self.scope.region.as_str());
        let key = store.and_then(|store| store.encryption_key.as_ref()).map(|key| key.id.clone());
        for from in self.elsewhere {
            let Some(to) = self.inputs.iter().find(|input| input.name == from.name) else { continue };
            match client.head_object(&ObjectId::new(&to.bucket, &to.key)).await {
                Ok(_) => continue,
                // Whether it is not there, or may not be seen: it is written.
                Err(error) if error.is_fault() => return Err(error.into()),
                Err(_) => {}
            }
            let (head, body) = client.get_object(&ObjectId::new(&from.bucket, &from.key)).await?;
            let mut put = PutObject::new(&to.bucket, &to.key, body);
            put.content_type = head.content_type;
            put.metadata = head.metadata;
            put.kms_key_id.clone_from(&key);
            client.put_object(put).await?;
        }
        Ok(())
    }
}
