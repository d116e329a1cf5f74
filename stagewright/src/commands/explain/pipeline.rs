//! `stagewright explain pipeline`: why an execution waits, or why it failed, and what would move it.

use std::process::ExitCode;

use super::super::run::view::clean;
use super::super::server_access::{self, ServerAccess};
use super::super::to_the_end;
use crate::explanation::{self, Explanation, Failure, gather};

#[derive(clap::Args)]
#[command(
    after_help = "The key needs the permission codepipeline:DescribePipelineExecution on the pipeline; for builds \
                  and their logs codebuild:BatchGetBuilds and logs:GetLogEvents."
)]
pub struct Arguments {
    /// The pipeline
    name: String,
    /// The execution; without it the one that was started last
    execution: Option<String>,
    #[command(flatten)]
    server: ServerAccess,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: Arguments) -> ExitCode {
    to_the_end(explain(arguments), |error| matches!(error, Error::Access(_)))
}

async fn explain(arguments: Arguments) -> Result<ExitCode, Error> {
    let remote = arguments.server.connect()?;
    let facts = gather::gather(&remote, &arguments.name, arguments.execution).await?;
    let explanation = explanation::explain(&facts);
    if arguments.json {
        println!("{}", serde_json::json!(explanation));
    } else {
        print(&explanation);
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Access(#[from] server_access::Error),
    #[error(transparent)]
    Call(#[from] aws::Error),
}

/// For people: what is waited for, each with the command that would move it; then the failure.
pub fn print(explanation: &Explanation) {
    println!("{}", clean(&explanation.headline));
    for wait in &explanation.waits_for {
        println!("- {}", clean(&wait.sentence));
        if let Some(command) = &wait.command {
            println!("    {}", clean(command));
        }
    }
    if let Some(failure) = &explanation.failure {
        print_failure(failure);
    }
}

fn print_failure(failure: &Failure) {
    println!("{}", clean(&failure.sentence));
    for line in failure.details.iter().flat_map(|detail| detail.lines()) {
        println!("  {}", clean(line));
    }
    if !failure.log.is_empty() {
        println!("The last lines of its log:");
        for line in &failure.log {
            println!("  | {}", clean(line));
        }
    }
    if let Some(missing) = &failure.missing_permission {
        println!("{}", clean(&missing.advice));
        if let Some(statement) = &missing.statement {
            println!("{statement:#}");
        }
    }
    if let Some(command) = &failure.command {
        println!("To try again:\n    {}", clean(command));
    }
}
