use aws::{Access, Ctx, Scope};
use events_model::{PutTargets, PutTargetsOutput};

use super::{check_not_managed, find_rule, of_rule, target_shape};
use crate::error::Error;
use crate::names::BusName;
use crate::records::{BusChanges, Target};
use crate::{EventBridge, PRINCIPAL};

/// Of one call and of one rule. Source: EventBridge API Reference, PutTargets, and EventBridge quotas.
const MOST_IN_CALL: usize = 10;
const MOST_TARGETS: usize = 5;

/// The rule, with the targets as condition, and each role that is handed over.
pub(super) fn access(input: &PutTargets, scope: &Scope) -> Vec<Access> {
    let mut accesses = of_rule(input.event_bus_name.as_ref(), &input.rule, scope);
    let arns: Vec<String> = input.targets.iter().map(|target| target.arn.clone()).collect();
    for access in &mut accesses {
        access.context.push(("events:TargetArn".to_owned(), arns.clone()));
    }
    let roles = input.targets.iter().filter_map(|target| target.role_arn.as_deref());
    accesses.extend(roles.map(|role| Access::pass_role(role, PRINCIPAL)));
    accesses
}

/// Adds targets to a rule; one with a known id replaces that.
/// Errors: `BusNotFound`, `RuleNotFound`, `ManagedRule`, `LimitExceeded`, `Validation`, `NotImplemented` for targets that
/// are not served. Source: EventBridge API Reference, PutTargets.
pub(super) async fn put_targets(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: PutTargets,
) -> Result<PutTargetsOutput, Error> {
    let (scope, bus) = (ctx.scope.clone(), BusName::own(input.event_bus_name.as_ref(), &ctx.scope)?);
    if input.targets.len() > MOST_IN_CALL {
        return Err(Error::LimitExceeded);
    }
    let targets = input.targets.into_iter().map(|target| target_shape::to_record(target, &scope));
    let targets: Vec<Target> = targets.collect::<Result<_, _>>()?;
    let write = eventbridge.store.write(move |tx| {
        let mut rule = find_rule(tx, &scope, &bus, &input.rule)?;
        check_not_managed(&rule, None)?;
        for target in &targets {
            rule.targets.retain(|known| known.id != target.id);
            rule.targets.push(target.clone());
        }
        if rule.targets.len() > MOST_TARGETS {
            return Err(Error::LimitExceeded);
        }
        rule.targets.sort_by(|left, right| left.id.cmp(&right.id));
        tx.put(&rule)?;
        BusChanges::note(tx, &scope, &bus, &rule.name)?;
        Ok(())
    });
    write.await?;
    Ok(PutTargetsOutput { failed_entry_count: Some(0), failed_entries: Some(Vec::new()) })
}
