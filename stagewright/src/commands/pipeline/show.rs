//! `stagewright pipeline show`

use std::io::IsTerminal;
use std::process::ExitCode;

use aws::Remote;
use aws::protocol::json;
use codepipeline_model::{
    DESCRIBE_PIPELINE_EXECUTION_OUTPUT, DescribePipelineExecution, DescribePipelineExecutionOutput,
    ListPipelineExecutions,
};
use serde_json::json;

use super::super::run::view::{Paint, clean, picture as draw};
use super::super::server_access::ServerAccess;
use super::{Error, picture};
use crate::explanation::{self, gather};

/// Executions of one page. Source: CodePipeline API Reference, ListPipelineExecutions.
const PAGE: usize = 100;
const MOST_PAGES: usize = 100;

#[derive(clap::Args)]
pub struct Arguments {
    /// The pipeline
    name: String,
    /// One execution in full: its stages and actions, what it waits for, its place in the queue
    #[arg(long, value_name = "ID")]
    execution: Option<String>,
    #[command(flatten)]
    server: ServerAccess,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let remote = arguments.server.connect()?;
    match arguments.execution {
        Some(id) => one(&remote, &arguments.name, id, arguments.json).await?,
        None => all(&remote, &arguments.name, arguments.json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(remote: &Remote, pipeline: &str, id: String, as_json: bool) -> Result<(), Error> {
    let facts = gather::gather(remote, pipeline, Some(id)).await?;
    if as_json {
        println!("{}", json::to_value(&facts.execution, &DESCRIBE_PIPELINE_EXECUTION_OUTPUT));
        return Ok(());
    }
    let mut progress = picture::progress(&facts.execution);
    let _told = progress.observe(&picture::attempts(&facts.execution));
    if let Some(ending) = picture::ending(&facts.execution) {
        let _told = progress.end(ending, facts.execution.last_update_time);
    }
    let paint = if std::io::stdout().is_terminal() { Paint::of_terminal() } else { Paint::None };
    for line in draw(&progress, paint) {
        println!("{line}");
    }
    super::super::explain::print_explanation(&explanation::explain(&facts));
    Ok(())
}

/// Those in progress in the order of their start; if there are none, the one that was started last.
async fn all(remote: &Remote, pipeline: &str, as_json: bool) -> Result<(), Error> {
    let mut shown = Vec::new();
    for id in in_progress(remote, pipeline).await? {
        let describe =
            DescribePipelineExecution { pipeline_name: pipeline.to_owned(), pipeline_execution_id: Some(id) };
        shown.push(remote.call(describe).await?);
    }
    if as_json {
        let executions: Vec<_> =
            shown.iter().map(|one| json::to_value(one, &DESCRIBE_PIPELINE_EXECUTION_OUTPUT)).collect();
        println!("{}", json!({"executions": executions}));
        return Ok(());
    }
    for execution in &shown {
        println!("{}", clean(&line(execution)));
    }
    if shown.is_empty() {
        println!("{} has not been started yet", clean(pipeline));
    }
    Ok(())
}

async fn in_progress(remote: &Remote, pipeline: &str) -> Result<Vec<String>, Error> {
    let mut list =
        ListPipelineExecutions { pipeline_name: pipeline.to_owned(), ..ListPipelineExecutions::default() };
    let (mut newest, mut ids) = (None, Vec::new());
    // One that waits for its approver may be older than many others; but a history may be a million long.
    for _ in 0..MOST_PAGES {
        let page = remote.call(list.clone()).await?;
        for one in page.pipeline_execution_summaries.unwrap_or_default() {
            let open = one.status.is_some_and(|status| matches!(status.as_str(), "InProgress" | "Stopping"));
            let Some(id) = one.pipeline_execution_id else { continue };
            newest.get_or_insert_with(|| id.clone());
            if open {
                ids.push(id);
            }
        }
        list.next_token = page.next_token;
        if list.next_token.is_none() {
            break;
        }
    }
    if list.next_token.is_some() {
        eprintln!("Only the newest {} executions were looked at.", MOST_PAGES * PAGE);
    }
    ids.reverse();
    if ids.is_empty() {
        ids.extend(newest);
    }
    Ok(ids)
}

/// `ID  InProgress  in front of Deploy, number 2 of those that wait`
fn line(execution: &DescribePipelineExecutionOutput) -> String {
    let id = &execution.pipeline_execution_id;
    let at = match &execution.waiting {
        Some(waiting) => {
            format!("in front of {}, number {} of those that wait", waiting.stage_name, waiting.position)
        }
        None => {
            let stages = execution.stages.iter().rev();
            let last = stages.clone().find(|stage| stage.status.is_some());
            let Some(stage) = last else { return format!("{id}  {}", execution.status) };
            let running =
                stage.actions.iter().filter(|action| action.status.as_deref() == Some("InProgress"));
            let names: Vec<&str> = running.map(|action| action.action_name.as_str()).collect();
            match names.is_empty() {
                true => format!("in {}", stage.stage_name),
                false => format!("in {}: {}", stage.stage_name, names.join(", ")),
            }
        }
    };
    format!("{id}  {}  {at}", execution.status)
}
