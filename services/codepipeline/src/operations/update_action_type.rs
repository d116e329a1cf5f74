use std::collections::BTreeMap;

use aws::Ctx;
use codepipeline_model::{UpdateActionType, UpdateActionTypeOutput};
use store::Versioned;

use crate::error::Error;
use crate::{CodePipeline, catalogue, records};

/// Replaces the declaration of a partner's action type, for this account and region. Jobs that are there already go on as
/// they began. Errors: `ActionTypeNotFound`, `Validation`.
/// Source: CodePipeline API Reference, UpdateActionType.
pub(super) async fn update_action_type(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: UpdateActionType,
) -> Result<UpdateActionTypeOutput, Error> {
    let (scope, account) = (ctx.scope.clone(), ctx.scope.account.clone());
    let declaration = input.action_type;
    let write = codepipeline.store.write(move |tx| {
        let id = &declaration.id;
        let id = super::action_type_id(&id.category, &id.owner, &id.provider, &id.version);
        let known = tx.get::<records::ActionType>(&records::ActionType::key_of(&scope, &id))?;
        let tags = known.map(Versioned::into_inner).map_or_else(BTreeMap::new, |known| known.tags);
        let found = records::ActionType::find(tx, &scope, &id)?;
        let found = found.filter(|found| found.to_declaration().is_some());
        let found = found.ok_or_else(|| Error::ActionTypeNotFound(catalogue::path(&id)))?;
        let action_type = found.declared(declaration.clone(), account.as_str())?;
        tx.put(&records::ActionType { scope: scope.clone(), action_type, tags, deleted: None })?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(UpdateActionTypeOutput {})
}
