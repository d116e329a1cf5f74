//! `stagewright pipeline approve`

use std::process::ExitCode;

use codepipeline_model::{
    ApprovalResult, ApprovalStatus, DescribePipelineExecution, DescribePipelineExecutionOutput,
    PutApprovalResult,
};

use super::super::server_access::ServerAccess;
use super::Error;

#[derive(clap::Args)]
#[command(
    after_help = "The key needs the permissions codepipeline:DescribePipelineExecution on the pipeline and \
                  codepipeline:PutApprovalResult on the action."
)]
pub struct Arguments {
    /// The pipeline
    name: String,
    /// The execution that waits
    #[arg(long, value_name = "ID")]
    execution: String,
    /// The approval, if more than one waits in the execution
    #[arg(long)]
    action: Option<String>,
    /// Reject it: the execution fails
    #[arg(long)]
    reject: bool,
    /// Why; everybody sees it in the state of the pipeline
    #[arg(long, default_value = "")]
    summary: String,
    #[command(flatten)]
    server: ServerAccess,
}

struct Approval {
    stage: String,
    action: String,
    token: String,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let remote = arguments.server.connect()?;
    let describe = DescribePipelineExecution {
        pipeline_name: arguments.name.clone(),
        pipeline_execution_id: Some(arguments.execution.clone()),
    };
    let approval = choose(&remote.call(describe).await?, arguments.action.as_deref())?;
    let status = if arguments.reject { ApprovalStatus::Rejected } else { ApprovalStatus::Approved };
    let told =
        format!("{}/{} of execution {}: {status}", approval.stage, approval.action, arguments.execution);
    let put = PutApprovalResult {
        pipeline_name: arguments.name,
        stage_name: approval.stage,
        action_name: approval.action,
        result: ApprovalResult { summary: arguments.summary, status },
        token: approval.token,
    };
    remote.call(put).await?;
    println!("{told}");
    Ok(ExitCode::SUCCESS)
}

/// The one that is meant among those that wait.
fn choose(execution: &DescribePipelineExecutionOutput, action: Option<&str>) -> Result<Approval, Error> {
    let actions = execution.stages.iter().flat_map(|stage| stage.actions.iter().map(move |one| (stage, one)));
    let waiting = actions.filter_map(|(stage, one)| {
        let token = one.token.clone()?;
        Some(Approval { stage: stage.stage_name.clone(), action: one.action_name.clone(), token })
    });
    let mut waiting: Vec<Approval> = waiting.collect();
    let names =
        |waiting: &[Approval]| waiting.iter().map(|one| one.action.clone()).collect::<Vec<_>>().join(", ");
    let known = names(&waiting);
    if let Some(action) = action {
        waiting.retain(|one| one.action == action);
    }
    let id = &execution.pipeline_execution_id;
    match (waiting.pop(), waiting.is_empty(), action) {
        (Some(approval), true, _) => Ok(approval),
        (Some(_), false, _) => Err(Error::Nothing(format!(
            "several approvals wait in execution {id}: {known}; choose with --action"
        ))),
        (None, _, Some(action)) if !known.is_empty() => Err(Error::Nothing(format!(
            "'{action}' does not wait for approval in execution {id}; what waits: {known}"
        ))),
        (None, _, _) => Err(Error::Nothing(format!("nothing waits for approval in execution {id}"))),
    }
}

#[cfg(test)]
mod tests {
    use codepipeline_model::{ActionDetail, StageDetail};

    use super::*;

    fn waiting(actions: &[&str]) -> DescribePipelineExecutionOutput {
        let actions = actions.iter().map(|name| ActionDetail {
            action_name: (*name).to_owned(),
            token: Some(format!("token of {name}")),
            ..ActionDetail::default()
        });
        let stage =
            StageDetail { stage_name: "Gate".into(), actions: actions.collect(), ..StageDetail::default() };
        DescribePipelineExecutionOutput { stages: vec![stage], ..DescribePipelineExecutionOutput::default() }
    }

    #[test]
    fn the_only_one_or_the_one_of_a_name_is_chosen() {
        assert_eq!(choose(&waiting(&["Ask"]), None).unwrap().token, "token of Ask");
        assert_eq!(choose(&waiting(&["Ask", "Tell"]), Some("Tell")).unwrap().token, "token of Tell");
    }

    #[test]
    fn a_choice_that_is_none_says_what_there_is() {
        let refused = |actions: &[&str], action| match choose(&waiting(actions), action) {
            Ok(approval) => panic!("{} was chosen", approval.action),
            Err(error) => error.to_string(),
        };
        assert!(refused(&["Ask", "Tell"], None).contains("Ask, Tell; choose with --action"));
        assert!(refused(&["Ask"], Some("Tell")).contains("what waits: Ask"));
        assert!(refused(&[], None).starts_with("nothing waits for approval"));
    }
}
