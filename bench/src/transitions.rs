//! How long a pipeline takes from the end of one stage's action to the start of the next stage's, while many pipelines are
//! under way: each waits for an approval, and these are answered at an even pace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use codepipeline_model::{ApprovalResult, GetPipelineState, PutApprovalResult};
use serde_json::json;

use crate::alone::Alone;
use crate::load::Failure;

/// Nothing here takes this long on a machine that works.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long, default_value_t = 1_000)]
    pipelines: u64,
    #[arg(long, default_value_t = 2_000)]
    transitions: u64,
    #[arg(long, default_value_t = 100)]
    per_second: u64,
}

/// Of one transition.
struct Latency {
    /// From the answer to the approval, which comes when the end of its action is durable.
    since_committed: f64,
    /// From the call, so with the time of that commit.
    since_called: f64,
}

pub async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let alone = Arc::new(Alone::start(folder.path()).await?);
    for number in 0..arguments.pipelines {
        alone.create(&name(number), true).await?;
    }
    let mut pace = tokio::time::interval(Duration::from_secs(1) / u32::try_from(arguments.per_second)?);
    let mut running = tokio::task::JoinSet::new();
    for number in 0..arguments.transitions {
        pace.tick().await;
        let (alone, pipeline) = (alone.clone(), name(number % arguments.pipelines));
        running.spawn(async move { transition(&alone, &pipeline).await });
    }
    let (mut committed, mut called) = (Vec::new(), Vec::new());
    while let Some(latency) = running.join_next().await {
        let latency = latency??;
        committed.push(latency.since_committed);
        called.push(latency.since_called);
    }
    committed.sort_by(f64::total_cmp);
    called.sort_by(f64::total_cmp);
    let at = |latencies: &[f64], share: usize| latencies.get(latencies.len() * share / 100).copied();
    println!(
        "{}",
        json!({
            "pipelines": arguments.pipelines,
            "transitions": committed.len(),
            "p50_ms": at(&committed, 50),
            "p99_ms": at(&committed, 99),
            "since_called_p50_ms": at(&called, 50),
            "since_called_p99_ms": at(&called, 99),
        })
    );
    Ok(())
}

/// Approves what waits, and has the pipeline wait again afterwards.
async fn transition(alone: &Alone, pipeline: &str) -> Result<Latency, Failure> {
    let token = eventually(|| token(alone, pipeline)).await?;
    let approve = PutApprovalResult {
        pipeline_name: pipeline.to_owned(),
        stage_name: "Approve".to_owned(),
        action_name: "Ask".to_owned(),
        result: ApprovalResult { summary: "Yes".to_owned(), status: "Approved".into() },
        token,
    };
    let called = Instant::now();
    alone.call(approve).await?;
    let committed = Instant::now();
    let begun = eventually(|| async { Ok(alone.instant.take(pipeline, "Publish")) }).await?;
    alone.start_execution(pipeline).await?;
    Ok(Latency { since_committed: millis(committed, begun), since_called: millis(called, begun) })
}

async fn token(alone: &Alone, pipeline: &str) -> Result<Option<String>, Failure> {
    let state = alone.call(GetPipelineState { name: pipeline.to_owned() }).await?;
    let stages = state.stage_states.unwrap_or_default().into_iter();
    let mut actions = stages.flat_map(|stage| stage.action_states.unwrap_or_default());
    let ask = actions.find(|action| action.action_name.as_deref() == Some("Ask"));
    Ok(ask.and_then(|ask| ask.latest_execution?.token))
}

async fn eventually<T, F: Future<Output = Result<Option<T>, Failure>>>(
    mut ask: impl FnMut() -> F,
) -> Result<T, Failure> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Err("a pipeline does not go on".into())
}

/// From one moment to another, which may have been before it.
fn millis(from: Instant, to: Instant) -> f64 {
    let ahead = to.saturating_duration_since(from).as_secs_f64();
    (ahead - from.saturating_duration_since(to).as_secs_f64()) * 1e3
}

fn name(number: u64) -> String {
    format!("p{number}")
}
