//! LookupEvents: the records of calls, newest first.
//! Source: CloudTrail API Reference, LookupEvents.

use aws::{Ctx, Timestamp};
use cloudtrail_model as model;
use model::LookupAttributeKey as Attribute;

use crate::CloudTrail;
use crate::error::Error;
use crate::history::{Filter, Query, find};
use crate::log_file::hash;
use crate::records::Entry;
use crate::resource::resource_type;
use crate::retention::KEPT_FOR;

const MOST_RESULTS: usize = 50;

/// Management events of the caller's account and region, of the last 90 days.
/// Errors: InvalidLookupAttributes (more than one), InvalidTimeRange, InvalidNextToken, UnsupportedOperation (insights).
pub async fn lookup_events(
    trail: &CloudTrail,
    ctx: &Ctx,
    input: model::LookupEvents,
) -> Result<model::LookupEventsOutput, Error> {
    if input.event_category.is_some() {
        return Err(Error::InsightsNotCollected);
    }
    let from = input.start_time.unwrap_or_else(|| ctx.now().minus(KEPT_FOR));
    let until = input.end_time.unwrap_or_else(Timestamp::now);
    if input.start_time.is_some() && from > until {
        return Err(Error::InvalidTimeRange);
    }
    let filter = filter(input.lookup_attributes.unwrap_or_default())?;
    let search = Search::of(&filter, input.start_time, input.end_time);
    let after = input.next_token.map(|token| position(ctx, &token, &search)).transpose()?;
    let query = Query { scope: ctx.scope.clone(), filter, from, until, after };
    let limit = input.max_results.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST_RESULTS);
    // One more tells whether there is a next page.
    let mut entries = trail.store.read(move |tx| find(tx, &query, limit + 1)).await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next_token = entries.last().filter(|_| more).map(|last| token(ctx, last, &search));
    Ok(model::LookupEventsOutput { events: Some(entries.into_iter().map(shown).collect()), next_token })
}

fn filter(mut attributes: Vec<model::LookupAttribute>) -> Result<Filter, Error> {
    let Some(attribute) = attributes.pop() else { return Ok(Filter::All) };
    if !attributes.is_empty() {
        return Err(Error::InvalidLookupAttributes("Only one lookup attribute can be specified."));
    }
    let value = attribute.attribute_value;
    Ok(match attribute.attribute_key {
        Attribute::EventId => Filter::EventId(value),
        Attribute::ReadOnly => match value.as_str() {
            "true" => Filter::ReadOnly(true),
            "false" => Filter::ReadOnly(false),
            _ => return Err(Error::InvalidLookupAttributes("ReadOnly must be true or false.")),
        },
        key @ (Attribute::EventName
        | Attribute::Username
        | Attribute::ResourceType
        | Attribute::ResourceName
        | Attribute::EventSource
        | Attribute::AccessKeyId
        | Attribute::Other(_)) => Filter::Attribute { name: key.as_str().to_owned(), value },
    })
}

/// What a token is good for: the same parameters again, as the API Reference has it.
#[derive(PartialEq, Eq)]
struct Search(String);

impl Search {
    fn of(filter: &Filter, start: Option<Timestamp>, end: Option<Timestamp>) -> Self {
        Self(hash(format!("{filter:?} {start:?} {end:?}").as_bytes()))
    }
}

/// `<milliseconds>/<event id>/<search>`, sealed.
fn token(ctx: &Ctx, last: &Entry, search: &Search) -> String {
    let (at, id) = last.position();
    ctx.seal_page_token(format!("{at}/{id}/{}", search.0).as_bytes())
}

fn position(ctx: &Ctx, token: &str, search: &Search) -> Result<(i64, String), Error> {
    let bytes = ctx.open_page_token(token).ok_or(Error::InvalidNextToken)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::InvalidNextToken)?;
    match text.split('/').collect::<Vec<_>>()[..] {
        [at, id, of] if of == search.0 => {
            Ok((at.parse().map_err(|_| Error::InvalidNextToken)?, id.to_owned()))
        }
        _ => Err(Error::InvalidNextToken),
    }
}

fn shown(entry: Entry) -> model::Event {
    let resource = |arn: String| model::Resource {
        resource_type: resource_type(&arn).map(str::to_owned),
        resource_name: Some(arn),
    };
    model::Event {
        event_id: Some(entry.event_id),
        event_name: Some(entry.event_name),
        read_only: Some(entry.read_only.to_string()),
        access_key_id: entry.access_key_id,
        event_time: Some(Timestamp::from_millis(entry.at.as_secs() * 1000)),
        event_source: Some(entry.event_source),
        username: entry.user_name,
        resources: Some(entry.resources.into_iter().map(resource).collect()),
        cloud_trail_event: Some(entry.event.as_str().to_owned()),
    }
}
