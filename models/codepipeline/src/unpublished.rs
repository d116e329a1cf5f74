//! What Stagewright answers and AWS does not: one execution with everything that it waits for, and work taken up again
//! in the middle.

use aws::shape::prelude::*;

use crate::{
    ACTION_NAME, ACTION_TYPE_ID, ActionTypeId, CLIENT_REQUEST_TOKEN, CODEPIPELINE, ERROR_DETAILS,
    EXECUTION_TRIGGER, ErrorDetails, ExecutionTrigger, PIPELINE_DECLARATION, PIPELINE_EXECUTION_ID,
    PIPELINE_NAME, PipelineDeclaration, RESOLVED_ACTION_CONFIGURATION_MAP, S3_ARTIFACT_LOCATION,
    S3ArtifactLocation, SOURCE_REVISION_LIST, STAGE_NAME, SourceRevision, TRANSITION_STATE, TransitionState,
};

// Plain values of answers.
pub static TEXT: Schema = Schema::new("Text", Kind::String);
pub static TEXT_LIST: Schema = Schema::new("TextList", Kind::List { element: &TEXT, wire: "member" });
pub static NUMBER: Schema = Schema::new("Number", Kind::Integer);
pub static FLAG: Schema = Schema::new("Flag", Kind::Boolean);
pub static MOMENT: Schema = Schema::new("Moment", Kind::Timestamp);

// Without an execution id: the execution that was started last.
aws::structure! { DESCRIBE_PIPELINE_EXECUTION: DescribePipelineExecution = Structure "DescribePipelineExecutionInput" {
    pipeline_name: String = "pipelineName" PIPELINE_NAME required();
    pipeline_execution_id: Option<String> = "pipelineExecutionId" PIPELINE_EXECUTION_ID;
} }

aws::structure! { DESCRIBE_PIPELINE_EXECUTION_OUTPUT: DescribePipelineExecutionOutput = Structure "DescribePipelineExecutionOutput" {
    pipeline_name: String = "pipelineName" TEXT required();
    pipeline_arn: String = "pipelineArn" TEXT required();
    role_arn: String = "roleArn" TEXT required();
    // That of the execution, and that of new ones.
    pipeline_version: i32 = "pipelineVersion" NUMBER required();
    current_version: i32 = "currentVersion" NUMBER required();
    pipeline_execution_id: String = "pipelineExecutionId" TEXT required();
    status: String = "status" TEXT required();
    execution_mode: String = "executionMode" TEXT required();
    start_time: Timestamp = "startTime" MOMENT required();
    last_update_time: Timestamp = "lastUpdateTime" MOMENT required();
    trigger: ExecutionTrigger = "trigger" EXECUTION_TRIGGER required();
    stop_reason: Option<String> = "stopReason" TEXT;
    // The definition was replaced: what runs may finish, nothing new starts.
    cancelling: bool = "cancelling" FLAG required();
    source_revisions: Vec<SourceRevision> = "sourceRevisions" SOURCE_REVISION_LIST required();
    rollback_target: Option<String> = "rollbackTargetPipelineExecutionId" TEXT;
    rerun: Option<RerunOrigin> = "rerun" RERUN_ORIGIN;
    waiting: Option<WaitingExecution> = "waiting" WAITING_EXECUTION;
    stages: Vec<StageDetail> = "stages" STAGE_DETAIL_LIST required();
} }

aws::structure! { RERUN_ORIGIN: RerunOrigin = Structure "RerunOrigin" {
    pipeline_execution_id: String = "pipelineExecutionId" TEXT required();
    stage_name: String = "stageName" TEXT required();
    action_name: Option<String> = "actionName" TEXT;
} }

// It waits in front of a stage.
aws::structure! { WAITING_EXECUTION: WaitingExecution = Structure "WaitingExecution" {
    stage_name: String = "stageName" TEXT required();
    since: Timestamp = "since" MOMENT required();
    // 1: the next one.
    position: i32 = "position" NUMBER required();
    ahead: Vec<String> = "ahead" TEXT_LIST required();
    held_by: Option<String> = "heldBy" TEXT;
    // An earlier execution on another definition, which has yet to pass the stage.
    expected: Option<String> = "expected" TEXT;
    transition: TransitionState = "transition" TRANSITION_STATE required();
} }

pub static STAGE_DETAIL_LIST: Schema =
    Schema::new("StageDetailList", Kind::List { element: &STAGE_DETAIL, wire: "member" });

// Without a status: the execution has not been in it.
aws::structure! { STAGE_DETAIL: StageDetail = Structure "StageDetail" {
    stage_name: String = "stageName" TEXT required();
    status: Option<String> = "status" TEXT;
    since: Option<Timestamp> = "since" MOMENT;
    automatic_retries: i32 = "automaticRetries" NUMBER required();
    manual_retries: i32 = "manualRetries" NUMBER required();
    actions: Vec<ActionDetail> = "actions" ACTION_DETAIL_LIST required();
    conditions: Vec<ConditionDetail> = "conditions" CONDITION_DETAIL_LIST required();
} }

pub static ACTION_DETAIL_LIST: Schema =
    Schema::new("ActionDetailList", Kind::List { element: &ACTION_DETAIL, wire: "member" });

// The last attempt at an action; without a status there was none.
aws::structure! { ACTION_DETAIL: ActionDetail = Structure "ActionDetail" {
    action_name: String = "actionName" TEXT required();
    action_type_id: ActionTypeId = "actionTypeId" ACTION_TYPE_ID required();
    run_order: i32 = "runOrder" NUMBER required();
    attempts: i32 = "attempts" NUMBER required();
    // Of its work.
    region: Option<String> = "region" TEXT;
    role_arn: String = "roleArn" TEXT required();
    status: Option<String> = "status" TEXT;
    action_execution_id: Option<String> = "actionExecutionId" TEXT;
    start_time: Option<Timestamp> = "startTime" MOMENT;
    last_status_change: Option<Timestamp> = "lastStatusChange" MOMENT;
    times_out_at: Option<Timestamp> = "timesOutAt" MOMENT;
    summary: Option<String> = "summary" TEXT;
    external_execution_id: Option<String> = "externalExecutionId" TEXT;
    external_execution_url: Option<String> = "externalExecutionUrl" TEXT;
    percent_complete: Option<i32> = "percentComplete" NUMBER;
    log_stream_arn: Option<String> = "logStreamARN" TEXT;
    error_details: Option<ErrorDetails> = "errorDetails" ERROR_DETAILS;
    last_updated_by: Option<String> = "lastUpdatedBy" TEXT;
    // Of an approval that waits.
    token: Option<String> = "token" TEXT;
    resolved_configuration: Option<aws::Map<String>> = "resolvedConfiguration" RESOLVED_ACTION_CONFIGURATION_MAP;
    job: Option<WaitingJob> = "job" WAITING_JOB;
} }

// The job of a worker that has not ended.
aws::structure! { WAITING_JOB: WaitingJob = Structure "WaitingJob" {
    job_id: String = "jobId" TEXT required();
    action_type: String = "actionType" TEXT required();
    status: String = "status" TEXT required();
    since: Timestamp = "since" MOMENT required();
    // When it is handed out again unless it is acknowledged.
    due_at: Option<Timestamp> = "dueAt" MOMENT;
    queried_value: Option<String> = "queriedValue" TEXT;
    is_continuation: bool = "isContinuation" FLAG required();
    // When somebody last asked this server for jobs of the type; since it was started.
    last_poll: Option<Timestamp> = "lastPoll" MOMENT;
} }

pub static CONDITION_DETAIL_LIST: Schema =
    Schema::new("ConditionDetailList", Kind::List { element: &CONDITION_DETAIL, wire: "member" });

aws::structure! { CONDITION_DETAIL: ConditionDetail = Structure "ConditionDetail" {
    condition_type: String = "conditionType" TEXT required();
    status: String = "status" TEXT required();
    since: Timestamp = "since" MOMENT required();
    result: String = "result" TEXT required();
    rules: Vec<RuleDetail> = "rules" RULE_DETAIL_LIST required();
} }

pub static RULE_DETAIL_LIST: Schema =
    Schema::new("RuleDetailList", Kind::List { element: &RULE_DETAIL, wire: "member" });

aws::structure! { RULE_DETAIL: RuleDetail = Structure "RuleDetail" {
    rule_name: String = "ruleName" TEXT required();
    provider: String = "provider" TEXT required();
    region: Option<String> = "region" TEXT;
    status: String = "status" TEXT required();
    start_time: Option<Timestamp> = "startTime" MOMENT;
    times_out_at: Option<Timestamp> = "timesOutAt" MOMENT;
    // When its provider looks again.
    looks_at: Option<Timestamp> = "looksAt" MOMENT;
    summary: Option<String> = "summary" TEXT;
    external_execution_id: Option<String> = "externalExecutionId" TEXT;
    log_stream_arn: Option<String> = "logStreamARN" TEXT;
    error_details: Option<ErrorDetails> = "errorDetails" ERROR_DETAILS;
    resolved_configuration: Option<aws::Map<String>> = "resolvedConfiguration" RESOLVED_ACTION_CONFIGURATION_MAP;
} }

aws::operation! { DescribePipelineExecution = CODEPIPELINE "DescribePipelineExecution" {
    input DESCRIBE_PIPELINE_EXECUTION; output DescribePipelineExecutionOutput DESCRIBE_PIPELINE_EXECUTION_OUTPUT;
    http "POST" "/" 200;
    errors ["ValidationException", "PipelineNotFoundException", "PipelineExecutionNotFoundException",];
} }

// With an action that alone, else the stage and what follows. Without an execution id: the one that was started last.
aws::structure! { RERUN_STAGE: RerunStage = Structure "RerunStageInput" {
    pipeline_name: String = "pipelineName" PIPELINE_NAME required();
    pipeline_execution_id: Option<String> = "pipelineExecutionId" PIPELINE_EXECUTION_ID;
    stage_name: String = "stageName" STAGE_NAME required();
    action_name: Option<String> = "actionName" ACTION_NAME;
    client_request_token: Option<String> = "clientRequestToken" CLIENT_REQUEST_TOKEN;
} }

aws::structure! { RERUN_STAGE_OUTPUT: RerunStageOutput = Structure "RerunStageOutput" {
    pipeline_execution_id: String = "pipelineExecutionId" TEXT required();
} }

aws::operation! { RerunStage = CODEPIPELINE "RerunStage" {
    input RERUN_STAGE; output RerunStageOutput RERUN_STAGE_OUTPUT;
    http "POST" "/" 200;
    errors [
        "ValidationException", "PipelineNotFoundException", "PipelineExecutionNotFoundException",
        "StageNotFoundException", "ActionNotFoundException", "StageNotRetryableException",
        "ConcurrentPipelineExecutionsLimitExceededException",
    ];
} }

// What CreatePipeline would get, without creating anything.
aws::structure! { VALIDATE_PIPELINE: ValidatePipeline = Structure "ValidatePipelineInput" {
    pipeline: PipelineDeclaration = "pipeline" PIPELINE_DECLARATION required();
} }

aws::structure! { VALIDATE_PIPELINE_OUTPUT: ValidatePipelineOutput = Structure "ValidatePipelineOutput" {
    findings: Vec<PipelineFinding> = "findings" PIPELINE_FINDING_LIST required();
} }

pub static PIPELINE_FINDING_LIST: Schema =
    Schema::new("PipelineFindingList", Kind::List { element: &PIPELINE_FINDING, wire: "member" });

aws::structure! { PIPELINE_FINDING: PipelineFinding = Structure "PipelineFinding" {
    // ERROR: it would fail. WARNING: it may, or it cannot be seen.
    severity: String = "severity" TEXT required();
    // Of the error that CreatePipeline or the run would end with.
    code: String = "code" TEXT required();
    // `pipeline.stages[1].actions[0].configuration.ProjectName`; positions from 0.
    path: String = "path" TEXT required();
    message: String = "message" TEXT required();
    advice: Option<String> = "advice" TEXT;
    // A name that is wrong, and those that would be right.
    given_name: Option<String> = "givenName" TEXT;
    known_names: Option<Vec<String>> = "knownNames" TEXT_LIST;
    // The policy statement that would grant what is lacking, in JSON.
    statement: Option<String> = "statement" TEXT;
} }

aws::operation! { ValidatePipeline = CODEPIPELINE "ValidatePipeline" {
    input VALIDATE_PIPELINE; output ValidatePipelineOutput VALIDATE_PIPELINE_OUTPUT;
    http "POST" "/" 200;
    errors ["ValidationException",];
} }

// How many executions, or executions of how many days, keep their artifacts; without either the pipeline's own rule.
pub static KEPT: Schema = Schema::new("Kept", Kind::Integer).min(1).max(100_000);

aws::structure! { CLEAN_UP_ARTIFACTS: CleanUpArtifacts = Structure "CleanUpArtifactsInput" {
    pipeline_name: String = "pipelineName" PIPELINE_NAME required();
    keep_executions: Option<i32> = "keepExecutions" KEPT;
    keep_days: Option<i32> = "keepDays" KEPT;
    // Only tells what would go.
    dry_run: bool = "dryRun" FLAG required();
} }

aws::structure! { CLEAN_UP_ARTIFACTS_OUTPUT: CleanUpArtifactsOutput = Structure "CleanUpArtifactsOutput" {
    executions: Vec<CleanedExecution> = "executions" CLEANED_EXECUTION_LIST required();
} }

pub static CLEANED_EXECUTION_LIST: Schema =
    Schema::new("CleanedExecutionList", Kind::List { element: &CLEANED_EXECUTION, wire: "member" });

aws::structure! { CLEANED_EXECUTION: CleanedExecution = Structure "CleanedExecution" {
    pipeline_execution_id: String = "pipelineExecutionId" TEXT required();
    artifacts: Vec<S3ArtifactLocation> = "artifacts" ARTIFACT_LOCATION_LIST required();
} }

pub static ARTIFACT_LOCATION_LIST: Schema =
    Schema::new("ArtifactLocationList", Kind::List { element: &S3_ARTIFACT_LOCATION, wire: "member" });

aws::operation! { CleanUpArtifacts = CODEPIPELINE "CleanUpArtifacts" {
    input CLEAN_UP_ARTIFACTS; output CleanUpArtifactsOutput CLEAN_UP_ARTIFACTS_OUTPUT;
    http "POST" "/" 200;
    errors ["ValidationException", "PipelineNotFoundException",];
} }
