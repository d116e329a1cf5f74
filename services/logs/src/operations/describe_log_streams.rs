use aws::Ctx;
use logs_model::{DescribeLogStreams, DescribeLogStreamsOutput, LogStream, OrderBy};
use store::{Key, Page, Range};

use crate::error::Error;
use crate::records::{Group, Stream};
use crate::{Logs, service};

const LARGEST_PAGE: i32 = 50;

/// The streams of a group, by name or by the time of their latest event.
pub async fn describe_log_streams(
    logs: &Logs,
    ctx: &Ctx,
    input: DescribeLogStreams,
) -> Result<DescribeLogStreamsOutput, Error> {
    let name = service::chosen_group(input.log_group_name, input.log_group_identifier)?;
    let by_time = input.order_by == Some(OrderBy::LastEventTime);
    let prefix = input.log_stream_name_prefix.unwrap_or_default();
    if by_time && !prefix.is_empty() {
        return Err(Error::invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let limit = usize::try_from(input.limit.unwrap_or(LARGEST_PAGE)).unwrap_or_default();
    let descending = input.descending == Some(true);
    let after = input.next_token.as_deref().map(|token| service::open_token(ctx, token)).transpose()?;
    let scope = ctx.scope.clone();
    let (group, page) = logs
        .store
        .read(move |tx| {
            let group = service::group(tx, &scope, &name)?;
            let range = match (by_time, after.as_deref()) {
                (true, None) => Range::prefix(Stream::all_of(group.id)),
                (true, Some(token)) => Range::prefix(Stream::all_of(group.id)).after(resume(&group, token)?),
                (false, after) => Range::starting(Stream::all_of(group.id), &prefix)
                    .after(after.map(|name| Stream::key_of(group.id, name))),
            };
            let range = if descending { range.descending() } else { range };
            let page: Page<Stream> = if by_time {
                tx.scan_index(Stream::BY_LAST_EVENT, range, limit)?
            } else {
                tx.scan(range, limit)?
            };
            Ok::<_, Error>((group, page))
        })
        .await?;
    let more = page.next.is_some();
    let streams = page.into_records();
    let next = streams.last().filter(|_| more).map(|last| {
        let position = if by_time {
            format!("{}/{}", last.events_between.map_or(-1, |(_, last)| last), last.name)
        } else {
            last.name.clone()
        };
        ctx.seal_page_token(position.as_bytes())
    });
    Ok(DescribeLogStreamsOutput {
        log_streams: Some(streams.into_iter().map(|stream| shown(stream, &group)).collect()),
        next_token: next,
    })
}

/// Where a page by time goes on: after a stream with its time, as the index has it.
fn resume(group: &Group, position: &str) -> Result<Key, Error> {
    let invalid = || Error::invalid("The specified nextToken is invalid.");
    let (time, name) = position.split_once('/').ok_or_else(invalid)?;
    let time: i64 = time.parse().map_err(|_| invalid())?;
    let in_index = Stream::last_event_key(group.id, time).and(name);
    Ok(in_index.join(&Stream::key_of(group.id, name)))
}

fn shown(stream: Stream, group: &Group) -> LogStream {
    LogStream {
        arn: Some(stream.arn(group)),
        creation_time: Some(stream.created_at.as_millis()),
        first_event_timestamp: stream.events_between.map(|(first, _)| first),
        last_event_timestamp: stream.events_between.map(|(_, last)| last),
        last_ingestion_time: stream.last_ingested_at.map(aws::Timestamp::as_millis),
        upload_sequence_token: Some(format!("{:056}", stream.next_number)),
        // AWS has shown 0 since June 2019, and counts for groups only.
        stored_bytes: Some(0),
        log_stream_name: Some(stream.name),
    }
}
