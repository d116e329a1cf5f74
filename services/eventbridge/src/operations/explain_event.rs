use aws::{Access, Ctx, Timestamp};
use events_model::{DeliveryOutcome, ExplainEvent, ExplainEventOutput, Observation, RuleDecision};
use serde_json::Value;

use super::of_bus;
use crate::EventBridge;
use crate::delivery::{Compiled, Unwanted, all_rules, document};
use crate::error::Error;
use crate::names::BusName;
use crate::records::{Delivery, Observed, Rule, Status};
use pattern::Flattened;

/// Buses that one event went through, and deliveries of one event, that are told of at most.
const MOST_BUSES: usize = 20;
const MOST_DELIVERIES: usize = 1_000;

/// The buses that got the event; the default one if none did.
pub(super) async fn access(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &ExplainEvent,
) -> Result<Vec<Access>, Error> {
    let observed = observed(eventbridge, ctx, input).await?;
    let buses = observed.iter().map(|observed| BusName::of(Some(&observed.bus), &ctx.scope).arn());
    let accesses: Vec<Access> = buses.map(Access::to).collect();
    Ok(if accesses.is_empty() { of_bus(None, &ctx.scope) } else { accesses })
}

/// Why each rule of each bus that got the event matched it or not, and what became of its deliveries.
///
/// Rules are judged as they are now; what one says that was changed since the event is marked so. The rules that
/// matched are those that matched then. Errors: `ResourceNotFound` for an event that is not kept (any more).
pub(super) async fn explain_event(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: ExplainEvent,
) -> Result<ExplainEventOutput, Error> {
    let observed = observed(eventbridge, ctx, &input).await?;
    if observed.is_empty() {
        return Err(Error::ResourceNotFound(format!("Event {}", input.event_id)));
    }
    let mut observations = Vec::with_capacity(observed.len());
    for observed in &observed {
        observations.push(explain(eventbridge, observed).await?);
    }
    Ok(ExplainEventOutput { observations })
}

async fn observed(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &ExplainEvent,
) -> Result<Vec<Observed>, Error> {
    let index = Observed::with_event_id(&ctx.scope, &input.event_id);
    let read = eventbridge.store.read(move |tx| {
        Ok::<_, Error>(tx.scan_index::<Observed>(Observed::EVENT, index.clone(), MOST_BUSES)?.into_records())
    });
    read.await
}

async fn explain(eventbridge: &EventBridge, observed: &Observed) -> Result<Observation, Error> {
    let prefix = Delivery::of_event(&observed.topic, observed.seq);
    let read = eventbridge.store.read(move |tx| tx.scan::<Delivery>(prefix.clone(), MOST_DELIVERIES));
    let deliveries = read.await?.into_records();
    let all = all_rules(&eventbridge.store, &observed.scope, &observed.bus).await?;
    let event = document(&observed.event);
    let flattened = Flattened::of(&event);
    let mut rules = Vec::new();
    for rule in all {
        let then = observed.matched.iter().any(|matched| matched.rule == rule.id);
        let deliveries = outcomes(&deliveries, |delivery| delivery.rule == rule.id);
        rules.push(decide(rule, observed, then, &event, &flattened, deliveries));
    }
    // Rules that matched and were deleted since.
    for matched in &observed.matched {
        let arn = Rule::arn_of(&observed.scope, &observed.bus, &matched.name);
        let of_rule = outcomes(&deliveries, |delivery| delivery.rule == matched.rule);
        let is_told = rules.iter().any(|rule| rule.rule_arn == arn && rule.matched);
        if !is_told {
            rules.push(RuleDecision {
                rule_arn: arn,
                matched: true,
                reason: Some("The rule was deleted since.".to_owned()),
                changed_since: true,
                deliveries: of_rule,
                ..RuleDecision::default()
            });
        }
    }
    Ok(Observation {
        event_bus_arn: BusName { scope: observed.scope.clone(), name: observed.bus.clone() }.arn(),
        event: event.to_string(),
        ingestion_time: observed.ingested,
        rules,
    })
}

fn decide(
    rule: Rule,
    observed: &Observed,
    matched: bool,
    event: &Value,
    flattened: &Flattened<'_>,
    deliveries: Vec<DeliveryOutcome>,
) -> RuleDecision {
    let mut decision = RuleDecision {
        rule_arn: rule.arn(),
        matched,
        changed_since: rule.updated > observed.judged,
        deliveries,
        ..RuleDecision::default()
    };
    let (has_no_target, feeds_archive) = (rule.targets.is_empty(), rule.archive.is_some());
    let scheduled_by_other = observed.scheduled_by.is_some_and(|id| id != rule.id);
    let now = Compiled::of(rule).judge(event, flattened);
    let reason = match (matched, now) {
        (true, _) if feeds_archive => "It matched, and the archive keeps the event.".to_owned(),
        (true, _) if has_no_target && decision.deliveries.is_empty() => {
            "It matched, and has no target.".to_owned()
        }
        (true, _) => return decision,
        (false, _) if scheduled_by_other => "The event was made by the schedule of another rule.".to_owned(),
        (false, Ok(())) => "It would match now, and did not then: it was changed, or made, since.".to_owned(),
        (false, Err(Unwanted::Disabled)) => "The rule is disabled.".to_owned(),
        (false, Err(Unwanted::NoPattern)) => "The rule has a schedule and no pattern.".to_owned(),
        (false, Err(Unwanted::ManagementEvent)) => {
            "The call only reads, which the rule's state leaves out.".to_owned()
        }
        (false, Err(Unwanted::Mismatch(mismatch))) => {
            let reason = mismatch.to_string();
            decision.field = Some(mismatch.field);
            decision.seen = Some(mismatch.seen.iter().map(Value::to_string).collect());
            decision.wanted = Some(mismatch.wanted);
            reason
        }
    };
    decision.reason = Some(reason);
    decision
}

fn outcomes(deliveries: &[Delivery], which: impl Fn(&Delivery) -> bool) -> Vec<DeliveryOutcome> {
    deliveries.iter().filter(|delivery| which(delivery)).map(outcome).collect()
}

fn outcome(delivery: &Delivery) -> DeliveryOutcome {
    let (status, result, exhausted) = match &delivery.status {
        Status::Pending => ("PENDING", None, None),
        Status::Succeeded(made) => ("SUCCEEDED", made.clone(), None),
        Status::Failed(exhausted) => ("FAILED", None, exhausted.clone()),
    };
    let trouble = delivery.trouble.clone();
    let (error_code, error_message) = trouble.map(|trouble| (trouble.code, trouble.message)).unzip();
    let last_change: Timestamp = delivery.changed;
    let (dead_letter_queue_arn, sent) =
        delivery.dead_letter.clone().map(|letter| (letter.queue_arn, letter.sent)).unzip();
    let (dead_letter_message_id, dead_letter_error) = match sent {
        Some(Ok(id)) => (Some(id), None),
        Some(Err(trouble)) => (None, Some(format!("{}: {}", trouble.code, trouble.message))),
        None => (None, None),
    };
    DeliveryOutcome {
        target_id: delivery.target_id.clone(),
        target_arn: delivery.target_arn.clone(),
        status: status.to_owned(),
        attempts: i32::try_from(delivery.attempts).unwrap_or(i32::MAX),
        result,
        error_code,
        error_message,
        exhausted_retry_condition: exhausted,
        dead_letter_queue_arn,
        dead_letter_message_id,
        dead_letter_error,
        last_change,
    }
}
