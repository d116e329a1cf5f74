use aws::Ctx;
use sns_model::{self as model, ListTopics, ListTopicsOutput};
use store::Range;

use super::{PAGE, page_end, page_start};
use crate::Sns;
use crate::error::Error;
use crate::records::Topic;

/// The topics of the account and region, by name. Errors: `InvalidParameter` for a bad token.
/// Source: SNS API Reference, ListTopics.
pub(super) async fn list_topics(sns: &Sns, ctx: &Ctx, input: ListTopics) -> Result<ListTopicsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let range = Range::prefix(Topic::in_scope(&ctx.scope)).after(start);
    let page = sns.store.read(move |tx| tx.scan::<Topic>(range.clone(), PAGE)).await?;
    let next_token = page_end(ctx, page.next.clone());
    let topics = page.into_records().into_iter().map(|topic| model::Topic { topic_arn: Some(topic.arn()) });
    Ok(ListTopicsOutput { topics: Some(topics.collect()), next_token })
}
