//! Attempts at actions, and evaluations of rules, in pages: those of a pipeline, of one execution, or the last of each.

use aws::Timestamp;
use codepipeline_model::{LatestInPipelineExecutionFilter, StartTimeRange};
use store::{Key, Page, Range, ReadTx, Record};
use uuid::Uuid;

use crate::engine::ExecutionId;
use crate::error::Error;
use crate::records::{ActionExecution, Pipeline, RuleExecution};

/// Of a page at most.
pub(super) const PAGE: usize = 100;

/// A record of what was tried. By their keys, those of a pipeline are in the order of their start.
pub(super) trait Attempt: Record {
    /// The index by execution.
    const BY_EXECUTION: &'static str;
    /// The index by what is tried, an action or a rule, in one execution.
    const BY_SUBJECT: &'static str;

    fn of_pipeline(pipeline: Uuid) -> Key;
    fn of_execution(pipeline: Uuid, execution: ExecutionId) -> Key;
    /// All attempts at the same, in the index of [`Self::BY_SUBJECT`].
    fn of_subject(&self) -> Key;
    fn started_at(&self) -> Timestamp;
}

impl Attempt for ActionExecution {
    const BY_EXECUTION: &'static str = Self::EXECUTION;
    const BY_SUBJECT: &'static str = Self::ACTION;

    fn of_pipeline(pipeline: Uuid) -> Key {
        Self::of_pipeline(pipeline)
    }

    fn of_execution(pipeline: Uuid, execution: ExecutionId) -> Key {
        Self::of_execution(pipeline, execution)
    }

    fn of_subject(&self) -> Key {
        Self::of_action(self.pipeline, self.execution, &self.stage, &self.action)
    }

    fn started_at(&self) -> Timestamp {
        self.started_at
    }
}

impl Attempt for RuleExecution {
    const BY_EXECUTION: &'static str = Self::EXECUTION;
    const BY_SUBJECT: &'static str = Self::RULE;

    fn of_pipeline(pipeline: Uuid) -> Key {
        Self::of_pipeline(pipeline)
    }

    fn of_execution(pipeline: Uuid, execution: ExecutionId) -> Key {
        Self::of_execution(pipeline, execution)
    }

    fn of_subject(&self) -> Key {
        self.of_rule()
    }

    fn started_at(&self) -> Timestamp {
        self.started_at
    }
}

/// Which attempts are wanted; without either all of the pipeline.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) execution: Option<String>,
    /// Only the last at each action or rule of an execution, by request since its last stage retry.
    pub(super) latest: Option<LatestInPipelineExecutionFilter>,
}

/// A page, newest first, and where the next one begins. Errors: `PipelineExecutionNotFound`.
pub(super) fn page<A: Attempt>(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    wanted: &Wanted,
    start: Option<Key>,
    size: usize,
) -> Result<(Vec<A>, Option<Key>), Error> {
    let latest = wanted.latest.as_ref();
    let of = wanted.execution.as_ref().or(latest.map(|latest| &latest.pipeline_execution_id));
    let mut since = None;
    let page: Page<A> = match of {
        Some(id) => {
            let execution = super::find_execution(tx, pipeline, id)?;
            if latest.is_some_and(|latest| latest.start_time_range == StartTimeRange::Latest) {
                since = execution.resumed_at;
            }
            let range = Range::prefix(A::of_execution(pipeline.id, execution.id));
            tx.scan_index(A::BY_EXECUTION, range.after(start).descending(), size)?
        }
        None => tx.scan(Range::prefix(A::of_pipeline(pipeline.id)).after(start).descending(), size)?,
    };
    let next = page.next.clone();
    let mut attempts = Vec::with_capacity(page.records.len());
    for attempt in page.into_records() {
        let is_wanted = since.is_none_or(|since| attempt.started_at() >= since);
        if is_wanted && (latest.is_none() || is_last(tx, &attempt)?) {
            attempts.push(attempt);
        }
    }
    Ok((attempts, next))
}

fn is_last<A: Attempt>(tx: &mut ReadTx<'_>, attempt: &A) -> Result<bool, Error> {
    let range = Range::prefix(attempt.of_subject()).descending();
    let page = tx.scan_index::<A>(A::BY_SUBJECT, range, 1)?;
    Ok(page.records.first().is_some_and(|last| last.key() == attempt.key()))
}
