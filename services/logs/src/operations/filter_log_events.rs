use aws::Ctx;
use logs_model::{FilterLogEvents, FilterLogEventsOutput, FilteredLogEvent};

use crate::error::Error;
use crate::filter::Pattern;
use crate::position::Position;
use crate::search::{Search, Streams};
use crate::{Logs, service};

const MOST_EVENTS: usize = 10_000;

/// A page of the events of a group that match, in the order of their times. The end is reached when there is no
/// token; a page before it may be empty.
pub async fn filter_log_events(
    logs: &Logs,
    ctx: &Ctx,
    input: FilterLogEvents,
) -> Result<FilterLogEventsOutput, Error> {
    let name = service::chosen_group(input.log_group_name, input.log_group_identifier)?;
    let streams = match (input.log_stream_names, input.log_stream_name_prefix) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "Log stream names and log stream name prefix are mutually exclusive parameters.",
            ));
        }
        (Some(names), None) => Streams::Named(names),
        (None, prefix) => Streams::Prefix(prefix.unwrap_or_default()),
    };
    let pattern = input.filter_pattern.unwrap_or_default();
    let pattern = Pattern::parse(&pattern).map_err(|error| Error::invalid(error.to_string()))?;
    let after = input.next_token.as_deref().map(|token| position(ctx, token)).transpose()?;
    let mut search = Search {
        streams,
        start: input.start_time.unwrap_or(0),
        // The end is included.
        end: input.end_time.map_or(i64::MAX, |end| end.saturating_add(1)),
        pattern,
        limit: input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST_EVENTS),
        after,
    };
    let scope = ctx.scope.clone();
    let group = logs.store.read(move |tx| service::group(tx, &scope, &name)).await?;
    search.start = search.start.max(group.expired_before(ctx.now()).unwrap_or(0));
    let found = logs.store.read(move |tx| search.run(tx, &group)).await?;
    let shown = |(position, stream, event): (Position, String, crate::chunks::Event)| FilteredLogEvent {
        log_stream_name: Some(stream),
        timestamp: Some(event.timestamp),
        message: Some(event.message),
        ingestion_time: Some(event.ingested_at),
        event_id: Some(position.to_string()),
    };
    Ok(FilterLogEventsOutput {
        events: Some(found.events.into_iter().map(shown).collect()),
        searched_log_streams: Some(Vec::new()),
        next_token: found.next.map(|position| ctx.seal_page_token(position.to_string().as_bytes())),
    })
}

fn position(ctx: &Ctx, token: &str) -> Result<Position, Error> {
    let position = service::open_token(ctx, token)?;
    position.parse().map_err(|_| Error::invalid("The specified nextToken is invalid."))
}
