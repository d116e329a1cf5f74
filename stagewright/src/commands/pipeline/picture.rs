//! An execution as a run is shown: a tree of stages and actions.

use aws::Timestamp;
use codepipeline_model::{
    ActionDeclaration, ActionDetail, ActionExecutionDetail, ActionExecutionInput, ActionExecutionOutput,
    ActionExecutionResult, DescribePipelineExecutionOutput, PipelineDeclaration, StageDeclaration,
};

use super::super::run::progress::{Ending, Progress};

/// Nothing observed yet.
pub fn progress(execution: &DescribePipelineExecutionOutput) -> Progress {
    let stages = execution.stages.iter().map(|stage| StageDeclaration {
        name: stage.stage_name.clone(),
        actions: stage
            .actions
            .iter()
            .map(|action| ActionDeclaration {
                name: action.action_name.clone(),
                action_type_id: action.action_type_id.clone(),
                ..ActionDeclaration::default()
            })
            .collect(),
        ..StageDeclaration::default()
    });
    let declaration = PipelineDeclaration {
        name: execution.pipeline_name.clone(),
        stages: stages.collect(),
        ..PipelineDeclaration::default()
    };
    Progress::new(&declaration, &[], execution.start_time)
}

/// The last attempts at its actions, in the order of their start.
pub fn attempts(execution: &DescribePipelineExecutionOutput) -> Vec<ActionExecutionDetail> {
    let stages = execution.stages.iter();
    let actions = stages.flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)));
    let begun = actions.filter(|(_, action)| action.status.is_some());
    let mut attempts: Vec<_> = begun.map(|(stage, action)| attempt(&stage.stage_name, action)).collect();
    attempts.sort_by_key(|attempt| attempt.start_time.map(Timestamp::as_millis));
    attempts
}

fn attempt(stage: &str, action: &ActionDetail) -> ActionExecutionDetail {
    let result = ActionExecutionResult {
        // That of an approval is its token.
        external_execution_id: action.token.clone().or_else(|| action.external_execution_id.clone()),
        external_execution_summary: action.summary.clone(),
        error_details: action.error_details.clone(),
        ..ActionExecutionResult::default()
    };
    ActionExecutionDetail {
        stage_name: Some(stage.to_owned()),
        action_name: Some(action.action_name.clone()),
        action_execution_id: action.action_execution_id.clone(),
        status: action.status.as_deref().map(Into::into),
        start_time: action.start_time,
        last_update_time: action.last_status_change,
        input: Some(ActionExecutionInput {
            resolved_configuration: action.resolved_configuration.clone(),
            action_type_id: Some(action.action_type_id.clone()),
            ..ActionExecutionInput::default()
        }),
        output: Some(ActionExecutionOutput {
            execution_result: Some(result),
            ..ActionExecutionOutput::default()
        }),
        ..ActionExecutionDetail::default()
    }
}

/// How it ended; none: it did not.
pub fn ending(execution: &DescribePipelineExecutionOutput) -> Option<Ending> {
    Ending::of(&execution.status.as_str().into())
}
