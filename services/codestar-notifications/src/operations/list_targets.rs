use aws::Ctx;
use codestar_notifications_model::{
    ListTargets, ListTargetsFilter, ListTargetsFilterName, ListTargetsOutput, TargetSummary,
};

use super::{MOST_RULES, page, targets};
use crate::CodeStarNotifications;
use crate::error::Error;
use crate::records::{Rule, Target};

/// The targets that rules of the account and region have or had. Filters of one name are alternatives, those of different
/// names all hold. Errors: `InvalidNextToken`. Source: CodeStar Notifications API Reference, ListTargets.
pub(super) async fn list_targets(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: ListTargets,
) -> Result<ListTargetsOutput, Error> {
    let scope = ctx.scope.clone();
    let most = MOST_RULES * targets::MOST;
    let read = notifications.store.read(move |tx| tx.scan::<Target>(Rule::in_scope(&scope), most));
    let filters = input.filters.unwrap_or_default();
    let found = read.await?.into_records();
    let shown = found.iter().map(targets::shown).filter(|target| is_wanted(target, &filters)).collect();
    let (targets, next_token) = page(ctx, shown, input.next_token.as_ref(), input.max_results)?;
    Ok(ListTargetsOutput { targets: Some(targets), next_token })
}

fn is_wanted(target: &TargetSummary, filters: &[ListTargetsFilter]) -> bool {
    let has = |filter: &ListTargetsFilter| match filter.name {
        ListTargetsFilterName::TargetType => target.target_type.as_ref() == Some(&filter.value),
        ListTargetsFilterName::TargetAddress => target.target_address.as_ref() == Some(&filter.value),
        ListTargetsFilterName::TargetStatus => {
            target.target_status.as_ref().is_some_and(|status| status.as_str() == filter.value)
        }
        // Other values do not pass the gateway's validation.
        ListTargetsFilterName::Other(_) => false,
    };
    filters.iter().all(|filter| filters.iter().filter(|other| other.name == filter.name).any(has))
}
