//! The service: its state, its table, and the work that goes on behind calls.

use std::sync::Arc;
use std::time::Duration;

use aws::{Access, Ctx, Router, Scope};
use logs_model as model;
use serde::{Deserialize, Serialize};
use store::{ReadTx, Store, WriteTx};
use uuid::Uuid;

use crate::chunks;
use crate::error::Error;
use crate::operations::*;
use crate::records::{Group, Stream};

/// Deleted groups and streams, whose events are taken away bit by bit.
const DELETED: &str = "logs/deleted";
const CHUNKS_AT_ONCE: usize = 200;
const STREAMS_AT_ONCE: usize = 100;
const LEASE: Duration = Duration::from_secs(60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// CloudWatch Logs over records.
pub struct Logs {
    pub(crate) store: Store,
}

/// What is left to be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deleted {
    Group(Uuid),
    Stream(Uuid),
}

impl Logs {
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// What is served, and on which resources the policies are asked.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::of(&model::LOGS, self.clone())
            .on::<model::CreateLogGroup, _>(create_log_group::create_log_group, create_log_group::access)
            .on::<model::CreateLogStream, _>(create_log_stream::create_log_stream, |input, scope| {
                of_stream(scope, &input.log_group_name, &input.log_stream_name)
            })
            .on::<model::DeleteLogGroup, _>(delete_log_group::delete_log_group, |input, scope| {
                of_group(scope, &input.log_group_name)
            })
            .on::<model::DeleteLogStream, _>(delete_log_stream::delete_log_stream, |input, scope| {
                of_stream(scope, &input.log_group_name, &input.log_stream_name)
            })
            .on::<model::DeleteRetentionPolicy, _>(retention_policy::delete, |input, scope| {
                of_group(scope, &input.log_group_name)
            })
            .on::<model::DescribeLogGroups, _>(describe_log_groups::describe_log_groups, |_, scope| {
                of_group(scope, "")
            })
            .on::<model::DescribeLogStreams, _>(describe_log_streams::describe_log_streams, |input, scope| {
                of_group(
                    scope,
                    named_group(input.log_group_name.as_ref(), input.log_group_identifier.as_ref()),
                )
            })
            .on::<model::FilterLogEvents, _>(filter_log_events::filter_log_events, |input, scope| {
                of_group(
                    scope,
                    named_group(input.log_group_name.as_ref(), input.log_group_identifier.as_ref()),
                )
            })
            .on::<model::GetLogEvents, _>(get_log_events::get_log_events, |input, scope| {
                let group = named_group(input.log_group_name.as_ref(), input.log_group_identifier.as_ref());
                of_stream(scope, group, &input.log_stream_name)
            })
            .on::<model::ListTagsForResource, _>(tags::list_tags_for_resource, |input, _| {
                vec![Access::to(input.resource_arn.trim_end_matches(":*"))]
            })
            .on::<model::ListTagsLogGroup, _>(tags::list_tags_log_group, |input, scope| {
                of_group(scope, &input.log_group_name)
            })
            .on::<model::PutLogEvents, _>(put_log_events::put_log_events, |input, scope| {
                of_stream(scope, &input.log_group_name, &input.log_stream_name)
            })
            .on::<model::PutRetentionPolicy, _>(retention_policy::put, |input, scope| {
                of_group(scope, &input.log_group_name)
            })
            .on::<model::TagLogGroup, _>(tags::tag_log_group, |input, scope| {
                with_tags(of_group(scope, &input.log_group_name), &input.tags)
            })
            .on::<model::TagResource, _>(tags::tag_resource, |input, _| {
                with_tags(vec![Access::to(input.resource_arn.trim_end_matches(":*"))], &input.tags)
            })
            .on::<model::UntagLogGroup, _>(tags::untag_log_group, |input, scope| {
                of_group(scope, &input.log_group_name)
            })
            .on::<model::UntagResource, _>(tags::untag_resource, |input, _| {
                vec![Access::to(input.resource_arn.trim_end_matches(":*"))]
            })
            .build()
    }

    /// Takes away the events of deleted groups and streams, for as long as it is polled. One node or many may
    /// run it; what a crash interrupts is taken up again.
    pub async fn forget_deleted(&self, worker: &str) {
        loop {
            if let Err(error) = self.forget_next(worker).await {
                tracing::warn!(%error, "deleted log events could not be taken away; it is tried again");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    async fn forget_next(&self, worker: &str) -> Result<(), Error> {
        let claimed = self.store.claim(DELETED, worker, LEASE).await?;
        let deleted: Deleted = claimed.payload.parse()?;
        let claimed = Arc::new(claimed);
        loop {
            let held = claimed.clone();
            let done = self
                .store
                .write(move |tx| {
                    let more = match deleted {
                        Deleted::Stream(stream) => chunks::remove_some(tx, stream, CHUNKS_AT_ONCE)?,
                        Deleted::Group(group) => remove_streams(tx, group)?,
                    };
                    if more {
                        tx.heartbeat(&held, LEASE)?;
                    } else {
                        tx.complete(&held)?;
                    }
                    Ok::<_, Error>(!more)
                })
                .await?;
            if done {
                return Ok(());
            }
        }
    }
}

/// Hands a deleted group's streams over to be taken away, in the transaction that deletes it.
pub fn forget_group(tx: &mut WriteTx<'_>, group: Uuid) -> Result<(), Error> {
    tx.enqueue(DELETED, &format!("group:{group}"), &Deleted::Group(group), None)?;
    Ok(())
}

/// Hands a deleted stream's events over to be taken away, in the transaction that deletes it.
pub fn forget_stream(tx: &mut WriteTx<'_>, stream: Uuid) -> Result<(), Error> {
    tx.enqueue(DELETED, &format!("stream:{stream}"), &Deleted::Stream(stream), None)?;
    Ok(())
}

fn remove_streams(tx: &mut WriteTx<'_>, group: Uuid) -> Result<bool, Error> {
    let page = tx.scan::<Stream>(Stream::all_of(group), STREAMS_AT_ONCE)?;
    let more = page.next.is_some();
    for stream in page.into_records() {
        forget_stream(tx, stream.id)?;
        tx.delete::<Stream>(&Stream::key_of(group, &stream.name))?;
    }
    Ok(more)
}

/// The group. Errors: `ResourceNotFoundException`.
pub fn group(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<Group, Error> {
    let found = tx.get::<Group>(&Group::key_of(scope, name))?;
    found.map(store::Versioned::into_inner).ok_or(Error::NoSuchGroup)
}

/// The stream. Errors: `ResourceNotFoundException`.
pub fn stream(tx: &mut ReadTx<'_>, group: &Group, name: &str) -> Result<Stream, Error> {
    let found = tx.get::<Stream>(&Stream::key_of(group.id, name))?;
    found.map(store::Versioned::into_inner).ok_or(Error::NoSuchStream)
}

/// The group that a call names, by name or by ARN: exactly one of both.
pub fn chosen_group(name: Option<String>, identifier: Option<String>) -> Result<String, Error> {
    match (name, identifier) {
        (Some(_), Some(_)) => {
            Err(Error::invalid("LogGroup name and LogGroup ARN are mutually exclusive parameters."))
        }
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) => Ok(group_in(&identifier).to_owned()),
        (None, None) => Err(Error::invalid("Either LogGroup name or LogGroup ARN must be specified.")),
    }
}

/// The position in a page token. Errors: `InvalidParameterException`.
pub fn open_token(ctx: &Ctx, token: &str) -> Result<String, Error> {
    let opened = ctx.open_page_token(token).and_then(|bytes| String::from_utf8(bytes).ok());
    opened.ok_or_else(|| Error::invalid("The specified nextToken is invalid."))
}

/// The name in a group's ARN, with or without `:*`; other texts are names themselves.
pub fn group_in(identifier: &str) -> &str {
    let name = identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name);
    name.trim_end_matches(":*")
}

fn named_group<'i>(name: Option<&'i String>, identifier: Option<&'i String>) -> &'i str {
    match (name, identifier) {
        (Some(name), _) => name,
        (None, Some(identifier)) => group_in(identifier),
        (None, None) => "",
    }
}

/// Actions on groups are asked for the empty stream of the group, so policies name `log-group:NAME:*`.
fn of_group(scope: &Scope, group: &str) -> Vec<Access> {
    of_stream(scope, group, "")
}

fn of_stream(scope: &Scope, group: &str, stream: &str) -> Vec<Access> {
    vec![Access::to(scope.arn("logs", format!("log-group:{group}:log-stream:{stream}")))]
}

fn with_tags(accesses: Vec<Access>, tags: &aws::Map<String>) -> Vec<Access> {
    let pairs = || tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    accesses.into_iter().map(|access| access.with_request_tags(pairs())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_by_name_or_arn() {
        assert_eq!(group_in("/aws/codebuild/web"), "/aws/codebuild/web");
        assert_eq!(group_in("arn:aws:logs:us-east-1:123456789012:log-group:/aws/web:*"), "/aws/web");
        assert!(chosen_group(None, None).is_err());
        assert!(chosen_group(Some("a".into()), Some("b".into())).is_err());
    }
}
