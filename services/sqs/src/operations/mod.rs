//! The API: which operations are served, and on which resources the policies are asked.
//! Source of resources and condition keys: Service Authorization Reference, "Amazon SQS".

mod audit;
mod batch;
mod create_queue;
mod delete_message;
mod delete_queue;
mod get_queue_attributes;
mod get_queue_url;
mod list_queues;
mod message_move_tasks;
mod permission;
mod purge_queue;
mod receive_message;
mod send_message;
mod set_queue_attributes;
mod tags;
mod visibility;

use std::sync::Arc;

use aws::router::RouterBuilder;
use aws::validation::OwnError;
use aws::{Access, Ctx, Router};
use sqs_model as model;
use store::{Key, Versioned};

use crate::Sqs;
use crate::error::Error;
use crate::names::QueueName;
use crate::records::Queue;

/// Results of one page at most, and if the caller does not say. Source: SQS API Reference, ListQueues.
const PAGE: i32 = 1000;

/// Unknown names of attributes have an error of their own.
const OWN_ERRORS: [OwnError; 2] = [
    OwnError::unfit("Attributes", |name| Error::InvalidAttributeName(name.to_owned()).into()),
    OwnError::unfit("AttributeNames", |name| Error::InvalidAttributeName(name.to_owned()).into()),
];

/// What is served.
pub fn router(sqs: Arc<Sqs>) -> Router {
    let builder = Router::of(&model::SQS, sqs)
        .on::<model::CreateQueue, _>(create_queue::create_queue, create_queue::access)
        .on_resolved::<model::GetQueueUrl, _, _>(get_queue_url::get_queue_url, get_queue_url::access)
        .on::<model::ListQueues, _>(list_queues::list_queues, |_, scope| {
            vec![Access::to(scope.arn("sqs", "*"))]
        })
        .on_resolved::<model::DeleteQueue, _, _>(delete_queue::delete_queue, delete_queue::access)
        .on_resolved::<model::PurgeQueue, _, _>(purge_queue::purge_queue, purge_queue::access)
        .on_resolved::<model::GetQueueAttributes, _, _>(
            get_queue_attributes::get_queue_attributes,
            get_queue_attributes::access,
        )
        .on_resolved::<model::SetQueueAttributes, _, _>(
            set_queue_attributes::set_queue_attributes,
            set_queue_attributes::access,
        )
        .on_resolved::<model::AddPermission, _, _>(permission::add_permission, permission::access_to_add)
        .on_resolved::<model::RemovePermission, _, _>(
            permission::remove_permission,
            permission::access_to_remove,
        )
        .on_resolved::<model::TagQueue, _, _>(tags::tag_queue, tags::access_to_tag)
        .on_resolved::<model::UntagQueue, _, _>(tags::untag_queue, tags::access_to_untag)
        .on_resolved::<model::ListQueueTags, _, _>(tags::list_queue_tags, tags::access_to_list)
        .on_resolved::<model::ListDeadLetterSourceQueues, _, _>(
            list_queues::list_dead_letter_source_queues,
            list_queues::access_to_sources,
        );
    with_messages(builder).refusing(&OWN_ERRORS).hiding(Arc::new(audit::Contents), &audit::OPERATIONS).build()
}

fn with_messages(builder: RouterBuilder<Sqs>) -> RouterBuilder<Sqs> {
    builder
        .on_resolved::<model::SendMessage, _, _>(send_message::send_message, send_message::access)
        .on_resolved::<model::SendMessageBatch, _, _>(
            send_message::send_message_batch,
            send_message::access_in_batch,
        )
        .on_resolved::<model::ReceiveMessage, _, _>(receive_message::receive_message, receive_message::access)
        .on_resolved::<model::DeleteMessage, _, _>(delete_message::delete_message, delete_message::access)
        .on_resolved::<model::DeleteMessageBatch, _, _>(
            delete_message::delete_message_batch,
            delete_message::access_in_batch,
        )
        .on_resolved::<model::ChangeMessageVisibility, _, _>(
            visibility::change_message_visibility,
            visibility::access,
        )
        .on_resolved::<model::ChangeMessageVisibilityBatch, _, _>(
            visibility::change_message_visibility_batch,
            visibility::access_in_batch,
        )
        .on_resolved::<model::StartMessageMoveTask, _, _>(
            message_move_tasks::start_message_move_task,
            message_move_tasks::access_to_start,
        )
        .on_resolved::<model::CancelMessageMoveTask, _, _>(
            message_move_tasks::cancel_message_move_task,
            message_move_tasks::access_to_cancel,
        )
        .on_resolved::<model::ListMessageMoveTasks, _, _>(
            message_move_tasks::list_message_move_tasks,
            message_move_tasks::access_to_list,
        )
}

/// The queue of a URL with its policy and tags. A queue that is not there, or no URL at all, is for the handler to refuse.
async fn on_url(sqs: &Sqs, ctx: &Ctx, url: &str, action: &str) -> Result<Access, Error> {
    match QueueName::in_url(url, &ctx.scope) {
        Ok(name) => on_queue(sqs, name, action).await,
        Err(_) => Ok(Access::to(ctx.scope.arn("sqs", "*")).action(&format!("sqs:{action}"))),
    }
}

async fn on_queue(sqs: &Sqs, name: QueueName, action: &str) -> Result<Access, Error> {
    let access = Access::to(name.arn()).action(&format!("sqs:{action}"));
    let queue = sqs.store.read(move |tx| tx.get::<Queue>(&name.key())).await?.map(Versioned::into_inner);
    let Some(queue) = queue else { return Ok(access) };
    let tags = queue.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let mut access = access.with_resource_tags(tags);
    access.resource_policy = queue.settings.policy.map(Arc::from);
    Ok(access)
}

/// Whether a policy can be read. Errors: `InvalidAttributeValue`.
async fn check_readable(sqs: &Sqs, name: &QueueName, policy: Option<&String>) -> Result<(), Error> {
    let Some(policy) = policy else { return Ok(()) };
    let checked = sqs.client.check_resource_policy(&model::SQS, &name.arn(), policy).await;
    checked.map_err(|_| Error::InvalidAttributeValue("Policy".to_owned()))
}

/// Changes a queue in one transaction. Errors: `QueueDoesNotExist`, and those of the change.
async fn change(
    sqs: &Sqs,
    ctx: &Ctx,
    url: &str,
    change: impl Fn(&mut Queue) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    let name = QueueName::in_url(url, &ctx.scope)?;
    let write = sqs.store.write(move |tx| {
        let mut queue = crate::queueing::find(tx, &name)?;
        change(&mut queue)?;
        tx.put(&queue)?;
        Ok(())
    });
    write.await
}

/// How many results a page may have. Errors: `InvalidParameterValue`.
fn page_size(given: Option<i32>) -> Result<usize, Error> {
    let size = given.unwrap_or(PAGE);
    let reason = "MaxResults must be an integer between 1 and 1000.";
    let refused = || Error::value(size, "MaxResults", reason);
    if !(1..=PAGE).contains(&size) {
        return Err(refused());
    }
    usize::try_from(size).map_err(|_| refused())
}

/// Where a page begins. Errors: `InvalidParameterValue` for a token that was not made here.
fn page_start(ctx: &Ctx, token: Option<&String>) -> Result<Option<Key>, Error> {
    let Some(token) = token else { return Ok(None) };
    let position = ctx.open_page_token(token).and_then(|bytes| Key::from_bytes(bytes).ok());
    position.map(Some).ok_or_else(|| Error::invalid("Invalid or expired next token."))
}
