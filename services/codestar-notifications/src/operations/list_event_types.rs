use aws::Ctx;
use codestar_notifications_model::{ListEventTypes, ListEventTypesFilterName, ListEventTypesOutput};

use super::{event_type, page};
use crate::CodeStarNotifications;
use crate::error::Error;
use crate::event_types::{EVENT_TYPES, EventType};

/// The types of events that rules can name. Filters of one name are alternatives, those of different names all hold.
/// Errors: `InvalidNextToken`. Source: CodeStar Notifications API Reference, ListEventTypes.
pub(super) async fn list_event_types(
    _notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: ListEventTypes,
) -> Result<ListEventTypesOutput, Error> {
    let filters = input.filters.unwrap_or_default();
    let admitted = |name: &ListEventTypesFilterName, value: &str| {
        let mut wanted = filters.iter().filter(|filter| filter.name == *name).peekable();
        wanted.peek().is_none() || wanted.any(|filter| filter.value.eq_ignore_ascii_case(value))
    };
    let fits = |found: &&EventType| {
        admitted(&ListEventTypesFilterName::ServiceName, found.service.name())
            && admitted(&ListEventTypesFilterName::ResourceType, found.service.resource_type())
    };
    let found: Vec<&EventType> = EVENT_TYPES.iter().filter(fits).collect();
    let (found, next_token) = page(ctx, found, input.next_token.as_ref(), input.max_results)?;
    let event_types = found.into_iter().map(|found| event_type(found.id)).collect();
    Ok(ListEventTypesOutput { event_types: Some(event_types), next_token })
}
