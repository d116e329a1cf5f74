//! `stagewright pipeline rerun`

use std::process::ExitCode;

use codepipeline_model::RerunStage;
use serde_json::json;

use super::super::server_access::ServerAccess;
use super::Error;

#[derive(clap::Args)]
#[command(
    after_help = "The new execution has the source revisions, artifacts and variables of the earlier one, and runs \
                  on the definition of today. The earlier one must have passed the stages before.\n\nThe key needs the \
                  permission codepipeline:RerunStage on the stage, or on the action if one is given."
)]
pub struct Arguments {
    /// The pipeline
    name: String,
    /// The execution whose work is taken up; without it the one that was started last
    #[arg(long, value_name = "ID")]
    execution: Option<String>,
    /// The stage to begin with
    #[arg(long)]
    stage: String,
    /// This action alone; without it the whole stage and what follows
    #[arg(long)]
    action: Option<String>,
    /// With the same token the same execution is answered again, and none is started
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    server: ServerAccess,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let remote = arguments.server.connect()?;
    let rerun = RerunStage {
        pipeline_name: arguments.name,
        pipeline_execution_id: arguments.execution,
        stage_name: arguments.stage,
        action_name: arguments.action,
        client_request_token: arguments.token,
    };
    let id = remote.call(rerun).await?.pipeline_execution_id;
    match arguments.json {
        true => println!("{}", json!({"pipelineExecutionId": id})),
        false => println!("{id}"),
    }
    Ok(ExitCode::SUCCESS)
}
