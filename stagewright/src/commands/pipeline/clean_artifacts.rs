//! `stagewright pipeline clean-artifacts`

use std::process::ExitCode;

use aws::protocol::json;
use codepipeline_model::{CLEAN_UP_ARTIFACTS_OUTPUT, CleanUpArtifacts};

use super::super::run::view::clean;
use super::super::server_access::ServerAccess;
use super::Error;

#[derive(clap::Args)]
#[command(
    after_help = "An execution keeps its artifacts if one of the two rules says so. Those of executions that run, and \
                  those that a rollback would need, always stay.\n\nThe key needs the permission \
                  codepipeline:CleanUpArtifacts on the pipeline; the pipeline's role needs s3:DeleteObject on the \
                  artifacts."
)]
pub struct Arguments {
    /// The pipeline
    name: String,
    /// Keep the artifacts of the newest N executions; without any rule that of the pipeline holds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100_000))]
    keep_executions: Option<i32>,
    /// Keep the artifacts of executions that were last heard of within N days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100_000))]
    keep_days: Option<i32>,
    /// Delete them; without it they are only shown
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    server: ServerAccess,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let remote = arguments.server.connect()?;
    let call = CleanUpArtifacts {
        pipeline_name: arguments.name,
        keep_executions: arguments.keep_executions,
        keep_days: arguments.keep_days,
        dry_run: !arguments.delete,
    };
    let cleaned = remote.call(call).await?;
    if arguments.json {
        println!("{}", json::to_value(&cleaned, &CLEAN_UP_ARTIFACTS_OUTPUT));
        return Ok(ExitCode::SUCCESS);
    }
    for execution in &cleaned.executions {
        println!("{}", execution.pipeline_execution_id);
        for artifact in &execution.artifacts {
            println!("  s3://{}/{}", clean(&artifact.bucket_name), clean(&artifact.object_key));
        }
    }
    let count: usize = cleaned.executions.iter().map(|execution| execution.artifacts.len()).sum();
    match arguments.delete {
        true => println!("{count} artifacts are being deleted"),
        false => println!("{count} artifacts would be deleted; --delete deletes them"),
    }
    Ok(ExitCode::SUCCESS)
}
