use aws::Ctx;
use codepipeline_model::{DeleteCustomActionType, DeleteCustomActionTypeOutput};
use store::Versioned;

use crate::CodePipeline;
use crate::error::Error;
use crate::records::ActionType;

/// Marks a custom action type as deleted: nobody polls for its jobs any more, and actions of pipelines that still use it
/// fail. Deleting one that is not there is no error. Source: CodePipeline API Reference, DeleteCustomActionType.
pub(super) async fn delete_custom_action_type(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: DeleteCustomActionType,
) -> Result<DeleteCustomActionTypeOutput, Error> {
    let id = super::custom_id(&input.category, &input.provider, &input.version);
    let (key, now) = (ActionType::key_of(&ctx.scope, &id), ctx.now());
    let write = codepipeline.store.write(move |tx| {
        let found = tx.get::<ActionType>(&key)?.map(Versioned::into_inner);
        if let Some(mut known) = found.filter(|known| known.deleted.is_none()) {
            known.deleted = Some(now);
            tx.put(&known)?;
        }
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(DeleteCustomActionTypeOutput {})
}
