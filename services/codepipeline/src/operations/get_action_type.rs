use aws::Ctx;
use codepipeline_model::{GetActionType, GetActionTypeOutput};

use crate::error::Error;
use crate::{CodePipeline, catalogue, records};

/// A partner's action type as its maker declares it. Errors: `ActionTypeNotFound`, also for types that nobody outside of
/// the service works on. Source: CodePipeline API Reference, GetActionType.
pub(super) async fn get_action_type(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: GetActionType,
) -> Result<GetActionTypeOutput, Error> {
    let scope = ctx.scope.clone();
    let id = super::action_type_id(&input.category, &input.owner, &input.provider, &input.version);
    let path = catalogue::path(&id);
    let found = codepipeline.store.read(move |tx| records::ActionType::find(tx, &scope, &id)).await?;
    let declaration = found.and_then(|found| found.to_declaration());
    let declaration = declaration.ok_or(Error::ActionTypeNotFound(path))?;
    Ok(GetActionTypeOutput { action_type: Some(declaration) })
}
