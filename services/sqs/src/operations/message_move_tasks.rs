//! Tasks that move messages out of dead-letter queues.

use aws::{Access, Ctx, Timestamp};
use sqs_model::{
    CancelMessageMoveTask, CancelMessageMoveTaskOutput, ListMessageMoveTasks, ListMessageMoveTasksOutput,
    ListMessageMoveTasksResultEntry, StartMessageMoveTask, StartMessageMoveTaskOutput,
};
use store::{Key, ReadTx, Record, Versioned};
use uuid::Uuid;

use super::on_queue;
use crate::error::Error;
use crate::names::QueueName;
use crate::records::{Queue, Task, TaskStatus};
use crate::{Sqs, moves, queueing};

/// Tasks that are kept and listed of one source. Source: SQS API Reference, ListMessageMoveTasks.
const MOST_TASKS: usize = 10;
/// Source: SQS API Reference, StartMessageMoveTask.
const FASTEST: i32 = 500;
/// Sources of one dead-letter queue whose policies are asked before its messages go back to them.
const MOST_SOURCES: usize = 100;

/// The task moves messages for the caller, who must be allowed to do so himself.
pub(super) async fn access_to_start(
    sqs: &Sqs,
    _ctx: &Ctx,
    input: &StartMessageMoveTask,
) -> Result<Vec<Access>, Error> {
    let Some(source) = QueueName::in_arn(&input.source_arn) else {
        return Ok(vec![Access::to(&input.source_arn)]);
    };
    let mut accesses = Vec::new();
    for action in ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"] {
        accesses.push(on_queue(sqs, source.clone(), action).await?);
    }
    let destinations = match &input.destination_arn {
        Some(arn) => QueueName::in_arn(arn).into_iter().collect(),
        None => sqs.store.read(move |tx| sources(tx, &source, MOST_SOURCES)).await?,
    };
    for destination in destinations {
        accesses.push(on_queue(sqs, destination, "SendMessage").await?);
    }
    Ok(accesses)
}

pub(super) async fn access_to_cancel(
    sqs: &Sqs,
    ctx: &Ctx,
    input: &CancelMessageMoveTask,
) -> Result<Vec<Access>, Error> {
    match moves::in_handle(&input.task_handle) {
        Some((source, _)) => Ok(vec![on_queue(sqs, source, "CancelMessageMoveTask").await?]),
        None => Ok(vec![Access::to(ctx.scope.arn("sqs", "*"))]),
    }
}

pub(super) async fn access_to_list(
    sqs: &Sqs,
    _ctx: &Ctx,
    input: &ListMessageMoveTasks,
) -> Result<Vec<Access>, Error> {
    match QueueName::in_arn(&input.source_arn) {
        Some(source) => Ok(vec![on_queue(sqs, source, "ListMessageMoveTasks").await?]),
        None => Ok(vec![Access::to(&input.source_arn)]),
    }
}

/// Begins to move the messages of a dead-letter queue. Errors: `ResourceNotFound`, `InvalidParameterValue`,
/// `UnsupportedOperation` while another task does. Source: SQS API Reference, StartMessageMoveTask.
pub(super) async fn start_message_move_task(
    sqs: &Sqs,
    _ctx: &Ctx,
    input: StartMessageMoveTask,
) -> Result<StartMessageMoveTaskOutput, Error> {
    let source = queue_name(&input.source_arn, "SourceArn")?;
    let destination = match &input.destination_arn {
        Some(arn) => Some(queue_name(arn, "DestinationArn")?),
        None => None,
    };
    let per_second = match input.max_number_of_messages_per_second {
        None => None,
        Some(rate) if (1..=FASTEST).contains(&rate) => u32::try_from(rate).ok(),
        Some(rate) => {
            let reason = "MaxNumberOfMessagesPerSecond must be an integer from 1 to 500.";
            return Err(Error::value(rate, "MaxNumberOfMessagesPerSecond", reason));
        }
    };
    let started = Timestamp::now();
    let write = sqs.store.write(move |tx| {
        let queue = find(tx, &source, "SourceArn")?;
        check(tx, &queue, destination.as_ref())?;
        let tasks = moves::of_source(tx, &source, MOST_TASKS)?;
        if tasks.iter().any(Task::is_active) {
            return Err(Error::UnsupportedOperation(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given \
                 time."
                    .to_owned(),
            ));
        }
        if let Some(oldest) = tasks.get(MOST_TASKS - 1) {
            tx.delete::<Task>(&oldest.key())?;
        }
        let counts = queueing::counts(tx, &queue, started.as_millis())?;
        let task = Task {
            id: Uuid::new_v4(),
            source: source.clone(),
            source_id: queue.id,
            destination: destination.clone(),
            per_second,
            status: TaskStatus::Running,
            moved: 0,
            to_move: counts.visible,
            started,
        };
        tx.put(&task)?;
        moves::enqueue(tx, &task)?;
        Ok(moves::handle(&task))
    });
    Ok(StartMessageMoveTaskOutput { task_handle: Some(write.await?) })
}

/// Ends a task; what was moved stays moved. Errors: `ResourceNotFound`, `UnsupportedOperation`.
/// Source: SQS API Reference, CancelMessageMoveTask.
pub(super) async fn cancel_message_move_task(
    sqs: &Sqs,
    _ctx: &Ctx,
    input: CancelMessageMoveTask,
) -> Result<CancelMessageMoveTaskOutput, Error> {
    let unknown = || Error::ResourceNotFound("Task does not exist.".to_owned());
    let (_, key) = moves::in_handle(&input.task_handle).ok_or_else(unknown)?;
    let write = sqs.store.write(move |tx| {
        let mut task = tx.get::<Task>(&key)?.ok_or_else(unknown)?.into_inner();
        if task.status != TaskStatus::Running {
            let message = "Only active tasks can be cancelled.";
            return Err(Error::UnsupportedOperation(message.to_owned()));
        }
        task.status = TaskStatus::Cancelling;
        tx.put(&task)?;
        Ok(task.moved)
    });
    let moved = i64::try_from(write.await?).ok();
    Ok(CancelMessageMoveTaskOutput { approximate_number_of_messages_moved: moved })
}

/// The latest tasks of a source. Errors: `ResourceNotFound`, `InvalidParameterValue`.
/// Source: SQS API Reference, ListMessageMoveTasks.
pub(super) async fn list_message_move_tasks(
    sqs: &Sqs,
    _ctx: &Ctx,
    input: ListMessageMoveTasks,
) -> Result<ListMessageMoveTasksOutput, Error> {
    let source = queue_name(&input.source_arn, "SourceArn")?;
    let most = input.max_results.unwrap_or(1);
    let refused = || Error::value(most, "MaxResults", "MaxResults must be an integer from 1 to 10.");
    let most =
        usize::try_from(most).ok().filter(|most| (1..=MOST_TASKS).contains(most)).ok_or_else(refused)?;
    let read = sqs.store.read(move |tx| {
        find(tx, &source, "SourceArn")?;
        Ok::<_, Error>(moves::of_source(tx, &source, most)?)
    });
    let results = read.await?.iter().map(shown).collect();
    Ok(ListMessageMoveTasksOutput { results: Some(results) })
}

fn shown(task: &Task) -> ListMessageMoveTasksResultEntry {
    ListMessageMoveTasksResultEntry {
        task_handle: (task.status == TaskStatus::Running).then(|| moves::handle(task)),
        status: Some(task.status.name().to_owned()),
        source_arn: Some(task.source.arn()),
        destination_arn: task.destination.as_ref().map(QueueName::arn),
        max_number_of_messages_per_second: task.per_second.and_then(|rate| i32::try_from(rate).ok()),
        approximate_number_of_messages_moved: i64::try_from(task.moved).ok(),
        approximate_number_of_messages_to_move: i64::try_from(task.to_move).ok(),
        failure_reason: match &task.status {
            TaskStatus::Failed(reason) => Some(reason.clone()),
            _ => None,
        },
        started_timestamp: Some(task.started.as_millis()),
    }
}

fn check(tx: &mut ReadTx<'_>, source: &Queue, destination: Option<&QueueName>) -> Result<(), Error> {
    let count = sources(tx, &source.name, MOST_SOURCES + 1)?.len();
    if count == 0 {
        return Err(Error::invalid("Source queue must be configured as a Dead Letter Queue."));
    }
    let Some(destination) = destination else {
        return match count > MOST_SOURCES {
            true => {
                Err(Error::OverLimit(format!("More than {MOST_SOURCES} queues: a DestinationArn is needed.")))
            }
            false => Ok(()),
        };
    };
    let there = find(tx, destination, "DestinationArn")?;
    if there.is_fifo() != source.is_fifo() {
        return Err(Error::invalid("Source and destination queues must be of the same type."));
    }
    if there.name == source.name {
        return Err(Error::invalid("Source queue arn and destination queue arn cannot be the same."));
    }
    if there.name.scope != source.name.scope {
        return Err(Error::invalid("Source and destination queues must be in the same account and region."));
    }
    Ok(())
}

/// The queues whose dead letters a queue gets.
fn sources(tx: &mut ReadTx<'_>, queue: &QueueName, most: usize) -> Result<Vec<QueueName>, store::Error> {
    let found = tx.scan_index::<Queue>(Queue::DEAD_LETTER, Key::of(queue.arn()), most)?;
    Ok(found.into_records().into_iter().map(|queue| queue.name).collect())
}

fn queue_name(arn: &str, parameter: &str) -> Result<QueueName, Error> {
    QueueName::in_arn(arn).ok_or_else(|| Error::invalid(format!("You must use this format to specify the {parameter}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>")))
}

fn find(tx: &mut ReadTx<'_>, name: &QueueName, parameter: &str) -> Result<Queue, Error> {
    let found = tx.get::<Queue>(&name.key())?.map(Versioned::into_inner);
    found.ok_or_else(|| {
        Error::ResourceNotFound(format!(
            "The resource that you specified for the {parameter} parameter doesn't exist."
        ))
    })
}
