//! Statements of a queue's policy, by label.

use aws::{Access, Ctx};
use sqs_model::{AddPermission, AddPermissionOutput, RemovePermission, RemovePermissionOutput};

use super::{change, on_url};
use crate::error::Error;
use crate::{Sqs, policy};

pub(super) async fn access_to_add(sqs: &Sqs, ctx: &Ctx, input: &AddPermission) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "AddPermission").await?])
}

pub(super) async fn access_to_remove(
    sqs: &Sqs,
    ctx: &Ctx,
    input: &RemovePermission,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "RemovePermission").await?])
}

/// Errors: `QueueDoesNotExist`, `InvalidParameterValue`, `OverLimit`. Source: SQS API Reference, AddPermission.
pub(super) async fn add_permission(
    sqs: &Sqs,
    ctx: &Ctx,
    input: AddPermission,
) -> Result<AddPermissionOutput, Error> {
    let AddPermission { queue_url, label, aws_account_ids, actions } = input;
    let added = change(sqs, ctx, &queue_url, move |queue| {
        let policy = queue.settings.policy.as_deref();
        let policy = policy::add(policy, &label, &aws_account_ids, &actions, &queue.arn())?;
        queue.settings.policy = Some(policy);
        Ok(())
    });
    added.await?;
    Ok(AddPermissionOutput::default())
}

/// Errors: `QueueDoesNotExist`, `InvalidParameterValue`. Source: SQS API Reference, RemovePermission.
pub(super) async fn remove_permission(
    sqs: &Sqs,
    ctx: &Ctx,
    input: RemovePermission,
) -> Result<RemovePermissionOutput, Error> {
    let RemovePermission { queue_url, label } = input;
    let removed = change(sqs, ctx, &queue_url, move |queue| {
        queue.settings.policy = policy::remove(queue.settings.policy.as_deref(), &label, &queue.arn())?;
        Ok(())
    });
    removed.await?;
    Ok(RemovePermissionOutput::default())
}
