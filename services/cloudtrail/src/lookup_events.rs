//! LookupEvents: the records of calls, newest first.
//! Source: CloudTrail API Reference, LookupEvents.

use aws::{Ctx, Timestamp};
use cloudtrail_model as model;
use store::{Key, Page, Range};

use crate::CloudTrail;
use crate::error::Error;
use crate::records::Entry;

const MOST_RESULTS: usize = 50;

/// Management events of the caller's account and region.
/// Errors: InvalidLookupAttributes (more than one), InvalidTimeRange, InvalidNextToken, UnsupportedOperation (insights).
pub async fn lookup_events(
    trail: &CloudTrail,
    ctx: &Ctx,
    input: model::LookupEvents,
) -> Result<model::LookupEventsOutput, Error> {
    if input.event_category.is_some() {
        return Err(Error::InsightsNotCollected);
    }
    let attributes = input.lookup_attributes.unwrap_or_default();
    if attributes.len() > 1 {
        return Err(Error::InvalidLookupAttributes("Only one lookup attribute can be specified."));
    }
    let start = input.start_time.unwrap_or(Timestamp::from_millis(0)).as_millis();
    let end = input.end_time.map_or(i64::MAX - 1, Timestamp::as_millis);
    if start > end {
        return Err(Error::InvalidTimeRange);
    }
    let after = match &input.next_token {
        Some(token) => {
            let bytes = ctx.open_page_token(token).ok_or(Error::InvalidNextToken)?;
            Some(Key::from_bytes(bytes).map_err(|_| Error::InvalidNextToken)?)
        }
        None => None,
    };
    let limit = input.max_results.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST_RESULTS);
    let (index, prefix) = match attributes.first() {
        None => (Entry::BY_TIME, Entry::times(&ctx.scope)),
        Some(attribute) => {
            let key = Entry::attribute(&ctx.scope, attribute.attribute_key.as_str(), &attribute.attribute_value);
            (Entry::BY_ATTRIBUTE, key)
        }
    };
    let range = Range::between(prefix.clone().and_i64(start), prefix.and_i64(end + 1)).descending().after(after);
    let page: Page<Entry> =
        trail.store.read(move |tx| Ok::<_, Error>(tx.scan_index::<Entry>(index, range.clone(), limit)?)).await?;
    let next = page.next.clone();
    Ok(model::LookupEventsOutput {
        events: Some(page.into_records().into_iter().map(shown).collect()),
        next_token: next.map(|key| ctx.seal_page_token(key.as_bytes())),
    })
}

fn shown(entry: Entry) -> model::Event {
    let resource = |arn: String| model::Resource { resource_type: None, resource_name: Some(arn) };
    model::Event {
        event_id: Some(entry.event_id),
        event_name: Some(entry.event_name),
        read_only: Some(entry.read_only.to_string()),
        access_key_id: entry.access_key_id,
        event_time: Some(Timestamp::from_millis(entry.at.as_secs() * 1000)),
        event_source: Some(entry.event_source),
        username: entry.user_name,
        resources: Some(entry.resources.into_iter().map(resource).collect()),
        cloud_trail_event: Some(entry.event.to_string()),
    }
}
