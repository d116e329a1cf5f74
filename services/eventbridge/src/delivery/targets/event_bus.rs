use std::sync::Arc;

use aws::{Access, Caller, Principal};
use events_model::EVENTS;
use store::{Record, WriteTx};

use super::{Call, Failure};
use crate::PRINCIPAL;
use crate::delivery::Incoming;
use crate::names::BusName;
use crate::records::{Bus, Delivery, Status};

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
    let of = delivery.clone();
    call.eventbridge.store.write(move |tx| pass_on(tx, &of, &incoming)).await.map_err(unavailable)?;
    Ok(None)
}

/// Puts the event of a delivery on the other bus, unless it was put there before: a delivery that is tried again, after a
/// crash or too long a wait, passes it on once. What is behind the other bus knows of one event only.
fn pass_on(tx: &mut WriteTx<'_>, delivery: &Delivery, incoming: &Incoming) -> Result<(), store::Error> {
    let known = tx.get::<Delivery>(&delivery.key())?.map(store::Versioned::into_inner);
    let Some(known) = known.filter(|known| known.status == Status::Pending && !known.passed_on) else {
        return Ok(());
    };
    incoming.publish(tx)?;
    tx.put(&Delivery { passed_on: true, ..known })?;
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws::{Event, Scope, Timestamp};
    use serde_json::json;
    use store::Store;
    use uuid::Uuid;

    use super::*;
    use crate::delivery::incoming::TOPIC;

    fn delivery(scope: &Scope, event: &Event) -> Delivery {
        Delivery {
            id: Uuid::nil(),
            topic: "t".into(),
            seq: 1,
            scope: scope.clone(),
            bus: "default".into(),
            rule: Uuid::nil(),
            rule_name: "r".into(),
            target_id: "1".into(),
            target_arn: "arn".into(),
            lane: "l".into(),
            event: Some(event.clone()),
            ingested: Timestamp::default(),
            hops: 0,
            passed_on: false,
            status: Status::Pending,
            attempts: 0,
            trouble: None,
            dead_letter: None,
            changed: Timestamp::default(),
        }
    }

    #[tokio::test]
    async fn a_delivery_that_is_tried_again_passes_its_event_on_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(store::Config::Sqlite { dir: folder.path().to_owned() }).await.unwrap();
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let event = Event::new(&scope, "mine", "t", Timestamp::default(), vec![], json!({}));
        let delivery = delivery(&scope, &event);
        let incoming = Incoming {
            scope,
            bus: "other".into(),
            event,
            ingested: Timestamp::default(),
            hops: 1,
            scheduled_by: None,
            for_rules: Vec::new(),
        };
        let mut other_bus = store.subscribe(TOPIC, "test").await.unwrap();
        let stored = delivery.clone();
        store.write(move |tx| tx.put(&stored).map(drop)).await.unwrap();
        for _ in 0..3 {
            // Each time as it was before the crash.
            let (delivery, incoming) = (delivery.clone(), incoming.clone());
            store.write(move |tx| pass_on(tx, &delivery, &incoming)).await.unwrap();
        }
        assert!(other_bus.next().await.unwrap().payload.parse::<Incoming>().is_ok());
        assert!(tokio::time::timeout(Duration::from_millis(50), other_bus.next()).await.is_err());
    }
}
