//! How fast executions of a pipeline with three stages go through the driver, whose actions are done at once. Several
//! pipelines side by side, each of which starts an execution when the one before has ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aws::{Event, event};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::sync::mpsc;

use crate::alone::Alone;
use crate::load::Failure;

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long, default_value_t = 10_000)]
    executions: u64,
    #[arg(long, default_value_t = 64)]
    pipelines: u64,
}

pub async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let alone = Arc::new(Alone::start(folder.path()).await?);
    let mut registry = Registry::default();
    alone.store.register(&mut registry);
    let (mut ends, mut ended) = (HashMap::new(), Vec::new());
    for number in 0..arguments.pipelines {
        let (end, wait) = mpsc::unbounded_channel();
        ends.insert(name(number), end);
        ended.push(wait);
    }
    let following = tokio::spawn(follow(alone.store.follow(event::TOPIC).await?, ends));
    for (number, ended) in (0..arguments.pipelines).zip(&mut ended) {
        alone.create(&name(number), false).await?;
        ended.recv().await.ok_or("the events of pipelines ended")?;
    }

    let before = Counts::of(&registry)?;
    let left = Arc::new(AtomicU64::new(arguments.executions));
    let began = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for (number, mut ended) in (0..arguments.pipelines).zip(ended) {
        let (alone, left) = (alone.clone(), left.clone());
        running.spawn(async move {
            let pipeline = name(number);
            let one_less = |left: u64| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
                alone.start_execution(&pipeline).await?;
                ended.recv().await.ok_or("the events of pipelines ended")?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(loader) = running.join_next().await {
        loader??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let after = Counts::of(&registry)?;
    following.abort();
    let (transactions, commits) = (after.transactions - before.transactions, after.commits - before.commits);
    println!(
        "{}",
        json!({
            "executions": arguments.executions,
            "executions_per_second": arguments.executions as f64 / seconds,
            "transactions_per_execution": transactions / arguments.executions as f64,
            "transactions_per_second": transactions / seconds,
            "commits_per_second": commits / seconds,
        })
    );
    Ok(())
}

fn name(number: u64) -> String {
    format!("p{number}")
}

/// Tells each pipeline's loader of the ends of its executions. Any end but success is an error.
async fn follow(
    mut events: store::Subscription,
    ends: HashMap<String, mpsc::UnboundedSender<()>>,
) -> Result<(), Failure> {
    loop {
        let event: Event = events.next().await?.payload.parse()?;
        if event.detail_type != "CodePipeline Pipeline Execution State Change" {
            continue;
        }
        let pipeline = event.detail["pipeline"].as_str().and_then(|pipeline| ends.get(pipeline));
        match (event.detail["state"].as_str(), pipeline) {
            (Some("SUCCEEDED"), Some(end)) => end.send(())?,
            (Some("STARTED"), _) => {}
            (state, _) => return Err(format!("an execution is {state:?}").into()),
        }
    }
}

/// What the store has counted.
struct Counts {
    transactions: f64,
    commits: f64,
}

impl Counts {
    fn of(registry: &Registry) -> Result<Self, Failure> {
        let mut text = String::new();
        encode(&mut text, registry)?;
        let count = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            Ok::<f64, Failure>(line.ok_or_else(|| format!("{name} is not counted"))?.parse()?)
        };
        Ok(Self {
            transactions: count("store_transactions_total")?,
            commits: count("store_commit_group_transactions_count")?,
        })
    }
}
