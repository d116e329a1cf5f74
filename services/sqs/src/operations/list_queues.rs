use aws::{Access, Ctx};
use sqs_model::{ListDeadLetterSourceQueues, ListDeadLetterSourceQueuesOutput, ListQueues, ListQueuesOutput};
use store::{Key, Page, Range};

use super::{on_url, page_size, page_start};
use crate::error::Error;
use crate::names::{self, QueueName};
use crate::records::Queue;
use crate::{Sqs, queueing};

pub(super) async fn access_to_sources(
    sqs: &Sqs,
    ctx: &Ctx,
    input: &ListDeadLetterSourceQueues,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "ListDeadLetterSourceQueues").await?])
}

/// The queues of the account and region, by name. There are further pages only for callers that say how long a page is.
/// Errors: `InvalidParameterValue`. Source: SQS API Reference, ListQueues.
pub(super) async fn list_queues(sqs: &Sqs, ctx: &Ctx, input: ListQueues) -> Result<ListQueuesOutput, Error> {
    let (size, start) = (page_size(input.max_results)?, page_start(ctx, input.next_token.as_ref())?);
    let prefix = input.queue_name_prefix.unwrap_or_default();
    let range = Range::starting(names::in_scope(&ctx.scope), &prefix).after(start);
    let page = sqs.store.read(move |tx| tx.scan::<Queue>(range.clone(), size)).await?;
    let (urls, next) = shown(sqs, ctx, page);
    let next_token = next.filter(|_| input.max_results.is_some());
    Ok(ListQueuesOutput { queue_urls: (!urls.is_empty()).then_some(urls), next_token })
}

/// The queues whose dead letters a queue gets. Errors: `QueueDoesNotExist`, `InvalidParameterValue`.
/// Source: SQS API Reference, ListDeadLetterSourceQueues.
pub(super) async fn list_dead_letter_source_queues(
    sqs: &Sqs,
    ctx: &Ctx,
    input: ListDeadLetterSourceQueues,
) -> Result<ListDeadLetterSourceQueuesOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let (size, start) = (page_size(input.max_results)?, page_start(ctx, input.next_token.as_ref())?);
    let read = sqs.store.read(move |tx| {
        let queue = queueing::find(tx, &name)?;
        let range = Range::prefix(Key::of(queue.arn())).after(start.clone());
        Ok::<_, Error>(tx.scan_index::<Queue>(Queue::DEAD_LETTER, range, size)?)
    });
    let (queue_urls, next) = shown(sqs, ctx, read.await?);
    let next_token = next.filter(|_| input.max_results.is_some());
    Ok(ListDeadLetterSourceQueuesOutput { queue_urls, next_token })
}

fn shown(sqs: &Sqs, ctx: &Ctx, page: Page<Queue>) -> (Vec<String>, Option<String>) {
    let next = page.next.as_ref().map(|key| ctx.seal_page_token(key.as_bytes()));
    let urls = page.into_records().into_iter().map(|queue| queue.name.url(&sqs.endpoint)).collect();
    (urls, next)
}
