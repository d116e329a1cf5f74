use std::sync::Arc;

use aws::{Access, Caller, Principal};
use events_model::EVENTS;

use super::{Call, Failure};
use crate::PRINCIPAL;
use crate::delivery::Incoming;
use crate::names::BusName;
use crate::records::Bus;

/// Buses that pass an event on, one after the other: more are rules that form a loop.
const MOST_HOPS: u32 = 16;

/// Puts the same event on another bus: its id, account and region stay.
/// Source: EventBridge User Guide, "Sending and receiving events between event buses".
pub(super) async fn forward(call: &Call<'_>, to: &BusName) -> Result<Option<String>, Failure> {
    let delivery = call.delivery;
    if delivery.hops >= MOST_HOPS {
        let message = format!("The event was passed on by {MOST_HOPS} event buses: their rules form a loop.");
        return Err(Failure::never("INVALID_PARAMETER", message));
    }
    let came_from_elsewhere = call.event.scope().is_some_and(|first| first != delivery.scope);
    if came_from_elsewhere && to.scope != delivery.scope {
        let account = to.scope.account != delivery.scope.account;
        let code = if account { "THIRD_ACCOUNT_HOP_DETECTED" } else { "THIRD_REGION_HOP_DETECTED" };
        let message = "An event from another account or region is not passed on to a third.";
        return Err(Failure::never(code, message));
    }
    let name = to.clone();
    let read = call.eventbridge.store.read(move |tx| Bus::find(tx, &name.scope, &name.name));
    let bus = read.await.map_err(unavailable)?;
    let missing = || Failure::never("NO_RESOURCE", format!("Event bus {} does not exist.", to.name));
    let bus = bus.ok_or_else(missing)?;
    authorise(call, to, &bus).await?;
    let incoming = Incoming {
        scope: to.scope.clone(),
        bus: to.name.clone(),
        event: call.event.clone(),
        ingested: aws::Timestamp::now(),
        hops: delivery.hops + 1,
        scheduled_by: None,
        for_rules: Vec::new(),
    };
    call.eventbridge.store.write(move |tx| incoming.publish(tx)).await.map_err(unavailable)?;
    Ok(None)
}

/// As the target's role; without one, as the account of the rule, which the policy of another account's bus must admit.
async fn authorise(call: &Call<'_>, to: &BusName, bus: &Bus) -> Result<(), Failure> {
    let client = match &call.target.role_arn {
        Some(_) => call.client().await?,
        None => {
            let root = Caller::of(Principal::Root { account: call.rule.scope.account.clone() });
            let client = call.eventbridge.client.as_caller(root, to.scope.clone());
            client.invoked_by(PRINCIPAL).on_behalf_of(&call.rule.arn())
        }
    };
    let mut access = Access::to(to.arn())
        .when("events:source", call.event.source.as_str())
        .when("events:detail-type", call.event.detail_type.as_str());
    access.resource_policy = bus.policy().map(Arc::from);
    client.authorise(&EVENTS, "PutEvents", &[access]).await.map_err(Failure::of)
}

fn unavailable(error: store::Error) -> Failure {
    Failure::later("INTERNAL_ERROR", error.to_string())
}
