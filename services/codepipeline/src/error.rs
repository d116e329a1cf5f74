//! What CodePipeline refuses with: AWS's code and wording, stated once.

use std::borrow::Cow;

use crate::engine::Refusal;

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("Account '{account}' does not have a pipeline with name '{name}'")]
    PipelineNotFound { account: String, name: String },
    #[error("Pipeline '{name}' does not have a version {version}")]
    PipelineVersionNotFound { name: String, version: i32 },
    #[error("A pipeline with the name '{name}' already exists in account '{account}'")]
    PipelineNameInUse { account: String, name: String },
    #[error("Pipeline '{pipeline}' does not have an execution with id '{id}'")]
    PipelineExecutionNotFound { pipeline: String, id: String },
    #[error("Pipeline '{pipeline}' does not have a stage with name '{stage}'")]
    StageNotFound { pipeline: String, stage: String },
    #[error("Stage '{stage}' of pipeline '{pipeline}' does not have an action with name '{action}'")]
    ActionNotFound { pipeline: String, stage: String, action: String },
    #[error("{0}")]
    InvalidStructure(String),
    #[error("{0}")]
    InvalidStageDeclaration(String),
    #[error("{0}")]
    InvalidActionDeclaration(String),
    #[error("{0}")]
    InvalidTags(String),
    #[error("Resource '{0}' may not have more than {limit} tags", limit = crate::tags::LIMIT)]
    TooManyTags(String),
    #[error("Invalid ARN: '{0}'")]
    InvalidArn(String),
    #[error("Resource '{0}' does not exist")]
    ResourceNotFound(String),
    #[error("Invalid next token")]
    InvalidNextToken,
    #[error("The approval token is not valid for action '{action}'")]
    InvalidApprovalToken { action: String },
    #[error("The approval of action '{action}' is already completed")]
    ApprovalAlreadyCompleted { action: String },
    #[error("Pipeline execution '{id}' is not in a state that can be stopped")]
    PipelineExecutionNotStoppable { id: String },
    #[error("A stop request for pipeline execution '{id}' has already been made")]
    DuplicatedStopRequest { id: String },
    #[error("Stage '{stage}' cannot be retried: {why}")]
    StageNotRetryable { stage: String, why: Cow<'static, str> },
    #[error("Stage '{stage}' cannot be run again: {why}")]
    StageNotRerunnable { stage: String, why: Cow<'static, str> },
    #[error("Pipeline execution '{id}' is not the latest execution in stage '{stage}'")]
    NotLatestPipelineExecution { id: String, stage: String },
    #[error("The condition of stage '{stage}' cannot be overridden: {why}")]
    ConditionNotOverridable { stage: String, why: Cow<'static, str> },
    #[error("There is no action execution with id '{0}'")]
    ActionExecutionNotFound(String),
    #[error("Stage '{stage}' cannot be rolled back: {why}")]
    UnableToRollbackStage { stage: String, why: Cow<'static, str> },
    #[error(
        "Pipeline execution '{id}' ran on version {version} of the pipeline, which is not its current version"
    )]
    PipelineExecutionOutdated { id: String, version: u32 },
    #[error("Pipeline '{pipeline}' has reached its limit of {limit} concurrent executions", limit = crate::engine::CONCURRENT_EXECUTIONS)]
    ConcurrentPipelineExecutionsLimitExceeded { pipeline: String },
    #[error("Action type '{0}' does not exist")]
    ActionTypeNotFound(String),
    #[error(
        "Action type '{0}' already exists with another definition. Give the changed one another version."
    )]
    ActionTypeAlreadyExists(String),
    #[error("The account has {limit} custom action types, and may not have more", limit = crate::operations::CUSTOM_ACTION_TYPES)]
    TooManyActionTypes,
    #[error("Job '{id}' does not exist")]
    JobNotFound { id: String },
    #[error(
        "The nonce is not valid for job '{id}': it was used before, or is not that of the job's last poll"
    )]
    InvalidNonce { id: String },
    #[error("Job '{id}' is not in progress. It is in state {state}.", state = .state.as_str())]
    InvalidJobState { id: String, state: crate::jobs::Status },
    #[error("Job '{id}' is not one that its details can be had of. It is in state {state}.", state = .state.as_str())]
    InvalidJob { id: String, state: crate::jobs::Status },
    #[error("The client token is not that of job '{id}'")]
    InvalidClientToken { id: String },
    #[error("The output variables have {size} bytes, more than the maximum of {limit}", limit = crate::variables::OUTPUT_VARIABLES_LIMIT)]
    OutputVariablesSizeExceeded { size: usize },
    #[error("Account '{account}' does not have a webhook with name '{name}'")]
    WebhookNotFound { account: String, name: String },
    #[error("{0}")]
    InvalidWebhookFilterPattern(String),
    #[error("{0}")]
    InvalidWebhookAuthenticationParameters(String),
    #[error("The account has {limit} webhooks, and may not have more", limit = crate::webhooks::LIMIT)]
    TooManyWebhooks,
    #[error("{0}")]
    Validation(String),
    /// A part of the API that AWS has and this program does not have yet.
    #[error("{0} of CodePipeline is not built yet.")]
    NotImplemented(&'static str),
    /// An error of another service, or a fault of ours, handed on as it is.
    #[error("{0}")]
    Other(Box<aws::Error>),
}

impl Error {
    /// The code on the wire.
    pub fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::PipelineNotFound { .. } => "PipelineNotFoundException",
            Self::PipelineVersionNotFound { .. } => "PipelineVersionNotFoundException",
            Self::PipelineNameInUse { .. } => "PipelineNameInUseException",
            Self::PipelineExecutionNotFound { .. } => "PipelineExecutionNotFoundException",
            Self::StageNotFound { .. } => "StageNotFoundException",
            Self::ActionNotFound { .. } => "ActionNotFoundException",
            Self::InvalidStructure(_) => "InvalidStructureException",
            Self::InvalidStageDeclaration(_) => "InvalidStageDeclarationException",
            Self::InvalidActionDeclaration(_) => "InvalidActionDeclarationException",
            Self::InvalidTags(_) => "InvalidTagsException",
            Self::TooManyTags(_) => "TooManyTagsException",
            Self::InvalidArn(_) => "InvalidArnException",
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::InvalidNextToken => "InvalidNextTokenException",
            Self::InvalidApprovalToken { .. } => "InvalidApprovalTokenException",
            Self::ApprovalAlreadyCompleted { .. } => "ApprovalAlreadyCompletedException",
            Self::PipelineExecutionNotStoppable { .. } => "PipelineExecutionNotStoppableException",
            Self::DuplicatedStopRequest { .. } => "DuplicatedStopRequestException",
            Self::StageNotRetryable { .. } | Self::StageNotRerunnable { .. } => "StageNotRetryableException",
            Self::NotLatestPipelineExecution { .. } => "NotLatestPipelineExecutionException",
            Self::ConditionNotOverridable { .. } => "ConditionNotOverridableException",
            Self::ActionExecutionNotFound(_) => "ActionExecutionNotFoundException",
            Self::UnableToRollbackStage { .. } => "UnableToRollbackStageException",
            Self::PipelineExecutionOutdated { .. } => "PipelineExecutionOutdatedException",
            Self::ConcurrentPipelineExecutionsLimitExceeded { .. } => {
                "ConcurrentPipelineExecutionsLimitExceededException"
            }
            Self::ActionTypeNotFound(_) => "ActionTypeNotFoundException",
            Self::ActionTypeAlreadyExists(_) => "ActionTypeAlreadyExistsException",
            Self::TooManyActionTypes => "LimitExceededException",
            Self::JobNotFound { .. } => "JobNotFoundException",
            Self::InvalidNonce { .. } => "InvalidNonceException",
            Self::InvalidJobState { .. } => "InvalidJobStateException",
            Self::InvalidJob { .. } => "InvalidJobException",
            Self::InvalidClientToken { .. } => "InvalidClientTokenException",
            Self::OutputVariablesSizeExceeded { .. } => "OutputVariablesSizeExceededException",
            Self::WebhookNotFound { .. } => "WebhookNotFoundException",
            Self::InvalidWebhookFilterPattern(_) => "InvalidWebhookFilterPatternException",
            Self::InvalidWebhookAuthenticationParameters(_) => {
                "InvalidWebhookAuthenticationParametersException"
            }
            Self::TooManyWebhooks => "LimitExceededException",
            Self::Validation(_) => "ValidationException",
            Self::NotImplemented(_) => "NotImplemented",
            Self::Other(error) => return error.code.clone(),
        })
    }

    /// A fault of ours: logged here, and the caller learns nothing of it.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Other(Box::new(aws::Error::internal(cause)))
    }

    /// What a refusal of the engine means to a caller who spoke of this pipeline, execution and stage.
    pub fn of_refusal(refusal: Refusal, pipeline: &str, execution: &str, stage: &str) -> Self {
        let (pipeline, execution) = (pipeline.to_owned(), execution.to_owned());
        match refusal {
            Refusal::ConcurrentExecutionsLimit => {
                Self::ConcurrentPipelineExecutionsLimitExceeded { pipeline }
            }
            Refusal::ExecutionNotInProgress(_) => Self::PipelineExecutionNotStoppable { id: execution },
            Refusal::DuplicatedStopRequest => Self::DuplicatedStopRequest { id: execution },
            Refusal::StageNotFound(stage) => Self::StageNotFound { pipeline, stage },
            Refusal::NoSuchTransition(stage) => {
                Self::Validation(format!("Stage '{stage}' of pipeline '{pipeline}' has no such transition"))
            }
            Refusal::StageNotRetryable { stage, why } => Self::StageNotRetryable { stage, why: why.into() },
            Refusal::UnableToRerun { stage, why } => Self::StageNotRerunnable { stage, why: why.into() },
            Refusal::ActionNotFound { stage, action } => Self::ActionNotFound { pipeline, stage, action },
            Refusal::NotLatestExecution => {
                Self::NotLatestPipelineExecution { id: execution, stage: stage.to_owned() }
            }
            Refusal::ConditionNotOverridable { stage, why } => {
                Self::ConditionNotOverridable { stage, why: why.into() }
            }
            Refusal::UnableToRollback { stage, why } => {
                Self::UnableToRollbackStage { stage, why: why.into() }
            }
            Refusal::TargetOutdated(version) => Self::PipelineExecutionOutdated { id: execution, version },
            Refusal::InvalidApprovalToken => Self::InvalidApprovalToken { action: stage.to_owned() },
            Refusal::ActionNotInProgress => Self::ApprovalAlreadyCompleted { action: stage.to_owned() },
            Refusal::ExecutionExists(_)
            | Refusal::RuleNotInProgress
            | Refusal::VersionOutOfOrder { .. }
            | Refusal::DefinitionMissing(_) => Self::internal(refusal),
        }
    }
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Other(error) => *error,
            Error::NotImplemented(_) => Self::new(error.code(), error.to_string()).with_status(501),
            other => Self::new(other.code(), other.to_string()),
        }
    }
}

impl From<aws::Error> for Error {
    fn from(error: aws::Error) -> Self {
        Self::Other(Box::new(error))
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::internal(error)
    }
}
