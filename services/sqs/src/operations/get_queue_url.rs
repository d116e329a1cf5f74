use aws::{Access, Ctx, Scope};
use sqs_model::{GetQueueUrl, GetQueueUrlOutput};

use crate::error::Error;
use crate::names::QueueName;
use crate::{Sqs, queueing};

pub(super) fn access(input: &GetQueueUrl, scope: &Scope) -> Vec<Access> {
    vec![Access::to(in_scope(input, scope).arn("sqs", &input.queue_name))]
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
