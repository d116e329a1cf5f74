//! Long polling: who receives from an empty queue waits for its news.

use std::time::Duration;

use aws::Timestamp;
use tokio::time::Instant;

use crate::Sqs;
use crate::error::Error;
use crate::names::QueueName;
use crate::queueing::{self, Received, Wanted};
use crate::records::Queue;

/// Calls that wait at one time, in all queues.
pub const MOST_WAITING: usize = 2_000;

/// A call that receives.
#[derive(Clone, Debug)]
pub struct Request {
    pub most: usize,
    /// In seconds; the queue's without it.
    pub visibility_timeout: Option<u32>,
    pub wait: Option<u32>,
    /// By which it is known when it is repeated; FIFO queues alone know such calls.
    pub attempt: Option<String>,
}

impl Request {
    fn wanted(&self, queue: &Queue) -> Wanted {
        let visibility_timeout = self.visibility_timeout.unwrap_or(queue.settings.visibility_timeout);
        Wanted { most: self.most, visibility_timeout }
    }
}

/// Receives messages, and waits for some as long as the call or the queue says.
/// Errors: `QueueDoesNotExist`, also if the queue goes meanwhile, `InvalidParameterValue` (an attempt's id for a standard
/// queue), `OverLimit`, `RequestThrottled`.
pub async fn receive(sqs: &Sqs, name: &QueueName, request: &Request) -> Result<Vec<Received>, Error> {
    if let Some(received) = again(sqs, name, request).await? {
        return Ok(received);
    }
    let started = Instant::now();
    let wait = request.wait;
    let mut place = None;
    let mut stopping = sqs.stopping.subscribe();
    loop {
        // Listen first, then look: what comes in between is then noticed one way or the other.
        let mut listener = sqs.store.listen(&name.news());
        let now = Timestamp::now().as_millis();
        let (queue, next) = look(sqs, name, now).await?;
        if next.is_some_and(|next| next <= now) {
            let received = take(sqs, name, request).await?;
            if !received.is_empty() {
                return Ok(received);
            }
            // Others were faster, or what there was is gone to the dead-letter queue, or was too old.
            if is_over(started, wait, &queue) {
                return Ok(received);
            }
            continue;
        }
        if is_over(started, wait, &queue) || *stopping.borrow_and_update() {
            return Ok(Vec::new());
        }
        if place.is_none() {
            place = Some(sqs.places.clone().try_acquire_owned().map_err(|_| Error::RequestThrottled)?);
        }
        let end = started + duration(wait, &queue);
        let next = next.map(|next| Duration::from_millis(u64::try_from(next - now).unwrap_or(0)));
        let until = next.map_or(end, |next| end.min(Instant::now() + next));
        tokio::select! {
            () = listener.raised() => {}
            // The sender lives as long as the service.
            _ = stopping.changed() => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

/// The queue, and when something can be received from it. Errors: `OverLimit` if that is now, and must not be.
async fn look(sqs: &Sqs, name: &QueueName, now: i64) -> Result<(Queue, Option<i64>), Error> {
    let name = name.clone();
    let read = sqs.store.read(move |tx| {
        let queue = queueing::find(tx, &name)?;
        let next = queueing::next_visible(tx, &queue)?;
        if next.is_some_and(|next| next <= now) {
            queueing::check_in_flight(tx, &queue, now)?;
        }
        Ok::<_, Error>((queue, next))
    });
    read.await
}

/// What a call has received before that this one repeats.
async fn again(sqs: &Sqs, name: &QueueName, request: &Request) -> Result<Option<Vec<Received>>, Error> {
    let Some(attempt) = request.attempt.clone() else { return Ok(None) };
    let (name, request) = (name.clone(), request.clone());
    let now = Timestamp::now().as_millis();
    let write = sqs.store.write(move |tx| {
        let queue = queueing::find(tx, &name)?;
        if !queue.is_fifo() {
            let reason = "The request include parameter that is not valid for this queue type.";
            return Err(Error::value(&attempt, "ReceiveRequestAttemptId", reason));
        }
        queueing::receive_again(tx, &queue, &attempt, request.wanted(&queue), now)
    });
    write.await
}

async fn take(sqs: &Sqs, name: &QueueName, request: &Request) -> Result<Vec<Received>, Error> {
    let (name, request) = (name.clone(), request.clone());
    let now = Timestamp::now().as_millis();
    let write = sqs.store.write(move |tx| {
        let queue = queueing::find(tx, &name)?;
        let received = queueing::receive(tx, &queue, request.wanted(&queue), now)?;
        if let Some(attempt) = &request.attempt {
            queueing::note(tx, &queue, attempt, &received, now)?;
        }
        Ok::<_, Error>(received)
    });
    write.await
}

fn duration(wait: Option<u32>, queue: &Queue) -> Duration {
    Duration::from_secs(wait.unwrap_or(queue.settings.receive_wait_time).into())
}

fn is_over(started: Instant, wait: Option<u32>, queue: &Queue) -> bool {
    started.elapsed() >= duration(wait, queue)
}
