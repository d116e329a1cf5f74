use aws::{Access, Ctx, Scope};
use sqs_model::{GetQueueUrl, GetQueueUrlOutput};

use super::on_queue;
use crate::error::Error;
use crate::names::QueueName;
use crate::{Sqs, queueing};

pub(super) async fn access(sqs: &Sqs, ctx: &Ctx, input: &GetQueueUrl) -> Result<Vec<Access>, Error> {
    let name = QueueName { scope: in_scope(input, &ctx.scope), name: input.queue_name.clone() };
    Ok(vec![on_queue(sqs, name, "GetQueueUrl").await?])
}

/// Errors: `QueueDoesNotExist`. Source: SQS API Reference, GetQueueUrl.
pub(super) async fn get_queue_url(
    sqs: &Sqs,
    ctx: &Ctx,
    input: GetQueueUrl,
) -> Result<GetQueueUrlOutput, Error> {
    let name = QueueName { scope: in_scope(&input, &ctx.scope), name: input.queue_name };
    let url = name.url(&sqs.endpoint);
    sqs.store.read(move |tx| queueing::find(tx, &name)).await?;
    Ok(GetQueueUrlOutput { queue_url: Some(url) })
}

/// Of the account that has the queue; one that is no account has none.
fn in_scope(input: &GetQueueUrl, here: &Scope) -> Scope {
    let owner = input.queue_owner_aws_account_id.as_ref().and_then(|owner| owner.parse().ok());
    Scope::new(owner.unwrap_or_else(|| here.account.clone()), here.region.clone())
}
