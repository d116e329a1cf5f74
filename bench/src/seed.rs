//! Fills the history of a pipeline: the records of its last execution again and again, with ids, numbers and times of their
//! own, as the driver writes them; several executions in one transaction.

use std::path::PathBuf;

use aws::{Scope, Timestamp};
use codepipeline::engine::{ActionExecutionId, ExecutionId, ExecutionStatus};
use codepipeline::records::{ActionExecution, Execution, Live, Pipeline};
use serde_json::json;
use store::{Config, Key, Range, Store, WriteTx};
use uuid::Uuid;

use crate::load::Failure;

/// Executions in one transaction.
const AT_ONCE: u64 = 2_000;
/// Between the start of an execution and that of the next one.
const SPACING_MILLIS: i64 = 1_000;

#[derive(clap::Args)]
pub struct Arguments {
    /// The data folder of a server that does not run
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    account: String,
    #[arg(long)]
    region: String,
    /// A pipeline of which an execution has succeeded and nothing is under way
    #[arg(long)]
    pipeline: String,
    /// How many executions it is to have afterwards
    #[arg(long)]
    executions: u64,
}

/// What is copied.
#[derive(Clone)]
struct Pattern {
    execution: Execution,
    actions: Vec<ActionExecution>,
}

pub async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let account = arguments.account.parse().map_err(|error| format!("{error:?}"))?;
    let region = arguments.region.parse().map_err(|error| format!("{error:?}"))?;
    let key = Pipeline::key_of(&Scope::new(account, region), &arguments.pipeline);
    let store = Store::open(Config::Sqlite { dir: arguments.data.clone() }).await?;
    let (live, pattern) = store.read(move |tx| pattern(tx, &key)).await?;
    if !live.engine.executions.is_empty() || pattern.execution.status != ExecutionStatus::Succeeded {
        return Err("the last execution has not succeeded, or others are under way".into());
    }
    let mut count = live.engine.last_ordinal;
    while count < arguments.executions {
        let (pattern, pipeline) = (pattern.clone(), live.pipeline);
        let copies = AT_ONCE.min(arguments.executions - count);
        store.write(move |tx| copy(tx, pipeline, &pattern, copies)).await?;
        count += copies;
    }
    store.close().await;
    println!("{}", json!({"executions": count, "actions": pattern.actions.len()}));
    Ok(())
}

fn pattern(tx: &mut store::ReadTx<'_>, key: &Key) -> Result<(Live, Pattern), Failure> {
    let absent = || "there is no such pipeline, or it has no execution";
    let pipeline = tx.get::<Pipeline>(key)?.ok_or_else(absent)?;
    let live = tx.get::<Live>(&Live::key_of(pipeline.id))?.ok_or_else(absent)?.into_inner();
    let newest = Range::prefix(Execution::of_pipeline(pipeline.id)).descending();
    let execution = tx.scan::<Execution>(newest, 1)?.into_records().pop().ok_or_else(absent)?;
    let of = ActionExecution::of_execution(pipeline.id, execution.id);
    let actions = tx.scan_index::<ActionExecution>(ActionExecution::EXECUTION, of, 100)?.into_records();
    Ok((live, Pattern { execution, actions }))
}

fn copy(tx: &mut WriteTx<'_>, pipeline: Uuid, pattern: &Pattern, copies: u64) -> Result<(), store::Error> {
    let live = tx.get::<Live>(&Live::key_of(pipeline))?;
    let Some(mut live) = live.map(store::Versioned::into_inner) else { return Ok(()) };
    for _ in 0..copies {
        live.engine.last_ordinal += 1;
        let ahead = i64::try_from(live.engine.last_ordinal - pattern.execution.ordinal).unwrap_or(i64::MAX);
        let later = |at: Timestamp| Timestamp::from_millis(at.as_millis() + ahead * SPACING_MILLIS);
        let id = ExecutionId(Uuid::new_v4());
        let mut execution = pattern.execution.clone();
        execution.id = id;
        execution.ordinal = live.engine.last_ordinal;
        (execution.started_at, execution.updated_at) =
            (later(execution.started_at), later(execution.updated_at));
        if let Some(ended) = &mut execution.ended {
            (ended.id, ended.ordinal) = (id, execution.ordinal);
        }
        tx.put(&execution)?;
        for action in &pattern.actions {
            let mut action = action.clone();
            live.last_action += 1;
            (action.number, action.execution) = (live.last_action, id);
            action.id = ActionExecutionId(Uuid::new_v4());
            (action.started_at, action.updated_at) = (later(action.started_at), later(action.updated_at));
            tx.put(&action)?;
        }
    }
    tx.put(&live)?;
    Ok(())
}
