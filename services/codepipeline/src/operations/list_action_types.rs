use aws::Ctx;
use codepipeline_model::{ListActionTypes, ListActionTypesOutput};

use crate::CodePipeline;
use crate::catalogue::ActionType;
use crate::error::Error;
use crate::providers;

/// The action types that pipelines can use here, with their configuration. All fit on one page; they are the same in
/// every region. Errors: `InvalidNextToken`. Source: CodePipeline API Reference, ListActionTypes.
pub(super) async fn list_action_types(
    _codepipeline: &CodePipeline,
    _ctx: &Ctx,
    input: ListActionTypes,
) -> Result<ListActionTypesOutput, Error> {
    if input.next_token.is_some() {
        return Err(Error::InvalidNextToken);
    }
    let owner = input.action_owner_filter;
    let wanted = providers::action_types()
        .filter(|action_type| owner.as_ref().is_none_or(|owner| owner.as_str() == action_type.owner));
    Ok(ListActionTypesOutput { action_types: wanted.map(ActionType::to_model).collect(), next_token: None })
}
