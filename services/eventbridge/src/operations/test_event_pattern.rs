use aws::Ctx;
use events_model::{TestEventPattern, TestEventPatternOutput};
use serde_json::Value;

use crate::EventBridge;
use crate::error::Error;
use pattern::{Flattened, Pattern};

/// Whether a pattern matches an event.
/// Errors: `InvalidEventPattern`, `Validation` for an event that is no JSON object.
/// Source: EventBridge API Reference, TestEventPattern.
pub(super) async fn test_event_pattern(
    _: &EventBridge,
    _: &Ctx,
    input: TestEventPattern,
) -> Result<TestEventPatternOutput, Error> {
    let event: Option<Value> = serde_json::from_str(&input.event).ok().filter(Value::is_object);
    let event = event.ok_or_else(|| Error::validation("Parameter Event is not valid."))?;
    let pattern = Pattern::parse(&input.event_pattern)
        .map_err(|problem| Error::InvalidEventPattern(problem.message(&input.event_pattern)))?;
    Ok(TestEventPatternOutput { result: Some(pattern.matches(&Flattened::of(&event))) })
}
