use std::collections::BTreeMap;

use aws::{Access, Ctx, Scope};
use events_model::{PutRule, PutRuleOutput, RuleState};
use uuid::Uuid;

use super::{check_not_managed, find_bus, of_rule, tags};
use crate::delivery::timers;
use crate::error::Error;
use crate::names::BusName;
use crate::records::{BusChanges, DEFAULT_BUS, Rule, State};
use crate::schedule::Schedule;
use crate::{EventBridge, PRINCIPAL};
use pattern::Pattern;

/// Of one bus. AWS admits 300; there is no reason for so few here, but memory is not endless.
const MOST_RULES: u64 = 10_000;

/// The rule, what its pattern says of source and detail type, the role that it hands over, and tagging.
pub(super) fn access(input: &PutRule, scope: &Scope) -> Vec<Access> {
    let mut accesses = of_rule(input.event_bus_name.as_ref(), &input.name, scope);
    let pattern = input.event_pattern.as_deref().and_then(|text| Pattern::parse(text).ok());
    if let Some(pattern) = pattern {
        let keys: Vec<_> = pattern.keys().collect();
        for access in &mut accesses {
            let exact = |values: Vec<&Option<Vec<String>>>| {
                let all: Option<Vec<_>> = values.into_iter().map(Option::as_deref).collect();
                all.map(|all| all.concat()).filter(|values| !values.is_empty())
            };
            if let Some(sources) = exact(keys.iter().map(|keys| &keys.sources).collect()) {
                access.context.push(("events:source".to_owned(), sources));
            }
            if let Some(types) = exact(keys.iter().map(|keys| &keys.detail_types).collect()) {
                access.context.push(("events:detail-type".to_owned(), types));
            }
        }
    }
    let mut accesses = tags::with_tagging(accesses, input.tags.as_deref());
    accesses.extend(input.role_arn.as_deref().map(|role| Access::pass_role(role, PRINCIPAL)));
    accesses
}

/// Makes a rule or replaces it; its targets stay, and its tags.
/// Errors: `InvalidEventPattern`, `Validation`, `BusNotFound`, `ManagedRule`, `LimitExceeded`.
/// Source: EventBridge API Reference, PutRule.
pub(super) async fn put_rule(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: PutRule,
) -> Result<PutRuleOutput, Error> {
    let bus = BusName::own(input.event_bus_name.as_ref(), &ctx.scope)?;
    check(&input, &bus)?;
    let mut new_tags = BTreeMap::new();
    tags::add(&mut new_tags, input.tags.as_deref().unwrap_or_default())?;
    let wanted = Rule {
        id: Uuid::new_v4(),
        scope: ctx.scope.clone(),
        bus,
        name: input.name,
        pattern: input.event_pattern,
        schedule: input.schedule_expression,
        state: state(input.state.as_ref()),
        description: input.description,
        role_arn: input.role_arn,
        managed_by: None,
        archive: None,
        tags: new_tags,
        targets: Vec::new(),
        updated: ctx.now(),
        anchor: ctx.now(),
    };
    let arn = wanted.arn();
    let write = eventbridge.store.write(move |tx| {
        find_bus(tx, &wanted.scope, &wanted.bus)?;
        let known = tx.get::<Rule>(&Rule::key_of(&wanted.scope, &wanted.bus, &wanted.name))?;
        let rule = match known.map(store::Versioned::into_inner) {
            Some(known) => {
                check_not_managed(&known, None)?;
                replaced(&known, &wanted)
            }
            None if tx.count::<Rule>(Rule::on_bus(&wanted.scope, &wanted.bus))? >= MOST_RULES => {
                return Err(Error::LimitExceeded);
            }
            None => wanted.clone(),
        };
        tx.put(&rule)?;
        BusChanges::note(tx, &rule.scope, &rule.bus, &rule.name)?;
        timers::set(tx, &rule, wanted.updated)?;
        Ok(())
    });
    write.await?;
    Ok(PutRuleOutput { rule_arn: Some(arn) })
}

fn check(input: &PutRule, bus: &str) -> Result<(), Error> {
    if input.event_pattern.is_none() && input.schedule_expression.is_none() {
        let message = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
        return Err(Error::validation(message));
    }
    if let Some(expression) = &input.schedule_expression {
        if bus != DEFAULT_BUS {
            let message = "ScheduleExpression is supported only on the default event bus.";
            return Err(Error::validation(message));
        }
        if Schedule::parse(expression).is_none() {
            return Err(Error::validation("Parameter ScheduleExpression is not valid."));
        }
    }
    if let Some(pattern) = &input.event_pattern {
        Pattern::parse(pattern).map_err(|problem| Error::InvalidEventPattern(problem.message(pattern)))?;
    }
    Ok(())
}

fn state(asked: Option<&RuleState>) -> State {
    match asked {
        None | Some(RuleState::Enabled | RuleState::Other(_)) => State::Enabled,
        Some(RuleState::Disabled) => State::Disabled,
        Some(RuleState::EnabledWithAllCloudtrailManagementEvents) => State::EnabledWithAllManagementEvents,
    }
}

/// A schedule that stays as it is goes on counting.
fn replaced(known: &Rule, wanted: &Rule) -> Rule {
    let goes_on = known.schedule == wanted.schedule && known.state.is_enabled() && wanted.state.is_enabled();
    Rule {
        id: known.id,
        managed_by: known.managed_by.clone(),
        archive: known.archive,
        tags: known.tags.clone(),
        targets: known.targets.clone(),
        anchor: if goes_on { known.anchor } else { wanted.anchor },
        ..wanted.clone()
    }
}
