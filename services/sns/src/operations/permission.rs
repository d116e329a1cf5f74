use aws::{Access, Ctx};
use sns_model::{AddPermission, AddPermissionOutput, RemovePermission, RemovePermissionOutput};

use super::{find_topic, on_topic};
use crate::error::Error;
use crate::names::TopicName;
use crate::{Sns, policy};

pub(super) async fn access_to_add(sns: &Sns, ctx: &Ctx, input: &AddPermission) -> Result<Vec<Access>, Error> {
    Ok(vec![on_topic(sns, ctx, &input.topic_arn).await?])
}

pub(super) async fn access_to_remove(
    sns: &Sns,
    ctx: &Ctx,
    input: &RemovePermission,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_topic(sns, ctx, &input.topic_arn).await?])
}

/// Adds a statement for accounts to a topic's policy.
/// Errors: `TopicNotFound`, `InvalidParameter`. Source: SNS API Reference, AddPermission.
pub(super) async fn add_permission(
    sns: &Sns,
    ctx: &Ctx,
    input: AddPermission,
) -> Result<AddPermissionOutput, Error> {
    let name = TopicName::in_region(&input.topic_arn, "TopicArn", &ctx.scope)?;
    if input.label.is_empty() || input.aws_account_id.is_empty() || input.action_name.is_empty() {
        return Err(Error::invalid("Label, AWSAccountId and ActionName must not be empty"));
    }
    let write = sns.store.write(move |tx| {
        let mut topic = find_topic(tx, &name)?;
        let (accounts, actions) = (&input.aws_account_id, &input.action_name);
        topic.policy =
            Some(policy::add(&topic.policy_text(), &input.label, accounts, actions, &topic.arn())?);
        tx.put(&topic)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(AddPermissionOutput::default())
}

/// Takes a statement out of a topic's policy, if it is there.
/// Errors: `TopicNotFound`, `InvalidParameter`. Source: SNS API Reference, RemovePermission.
pub(super) async fn remove_permission(
    sns: &Sns,
    ctx: &Ctx,
    input: RemovePermission,
) -> Result<RemovePermissionOutput, Error> {
    let name = TopicName::in_region(&input.topic_arn, "TopicArn", &ctx.scope)?;
    let write = sns.store.write(move |tx| {
        let mut topic = find_topic(tx, &name)?;
        topic.policy = Some(policy::remove(&topic.policy_text(), &input.label));
        tx.put(&topic)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(RemovePermissionOutput::default())
}
