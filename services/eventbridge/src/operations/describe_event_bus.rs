use aws::Ctx;
use events_model::{DescribeEventBus, DescribeEventBusOutput};

use super::find_bus;
use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;

/// Errors: `BusNotFound`. Source: EventBridge API Reference, DescribeEventBus.
pub(super) async fn describe_event_bus(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: DescribeEventBus,
) -> Result<DescribeEventBusOutput, Error> {
    let (scope, name) = (ctx.scope.clone(), BusName::own(input.name.as_ref(), &ctx.scope)?);
    let bus = eventbridge.store.read(move |tx| find_bus(tx, &scope, &name)).await?;
    Ok(DescribeEventBusOutput {
        arn: Some(bus.arn()),
        policy: bus.policy(),
        dead_letter_config: bus.dead_letter_config(),
        name: Some(bus.name),
        description: bus.description,
        creation_time: bus.created,
        last_modified_time: bus.updated,
        ..Default::default()
    })
}
