use aws::Ctx;
use codestar_notifications_model::{DeleteTarget, DeleteTargetOutput};

use super::MOST_RULES;
use crate::CodeStarNotifications;
use crate::error::Error;
use crate::records::{Rule, Target};

/// Forgets a target, and takes it out of all rules if that is asked for. One that is not known is forgotten already.
/// Errors: `Validation` if a rule has it and nobody said that it may be taken out.
/// Source: CodeStar Notifications API Reference, DeleteTarget.
pub(super) async fn delete_target(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: DeleteTarget,
) -> Result<DeleteTargetOutput, Error> {
    let (scope, address) = (ctx.scope.clone(), input.target_address);
    let force = input.force_unsubscribe_all == Some(true);
    let write = notifications.store.write(move |tx| {
        let with_target = Rule::in_scope(&scope).and(&address);
        let rules = tx.scan_index::<Rule>(Rule::TARGET, with_target, MOST_RULES)?.into_records();
        if !rules.is_empty() && !force {
            return Err(Error::validation(
                "The target is used by notification rules. Unsubscribe it from them, or use ForceUnsubscribeAll.",
            ));
        }
        for mut rule in rules {
            rule.targets.retain(|target| target.address != address);
            tx.put(&rule)?;
        }
        tx.delete::<Target>(&Target::key_of(&scope, &address))?;
        Ok(())
    });
    write.await?;
    Ok(DeleteTargetOutput::default())
}
