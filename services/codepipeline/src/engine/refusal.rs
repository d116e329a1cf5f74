//! Why the engine does not accept an event. The state is then as it was.

use super::ids::ExecutionId;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("execution {0} was started before")]
    ExecutionExists(ExecutionId),
    #[error("no more than {} executions may be in progress at one time", super::CONCURRENT_EXECUTIONS)]
    ConcurrentExecutionsLimit,
    #[error("execution {0} is not in progress")]
    ExecutionNotInProgress(ExecutionId),
    #[error("the action is not in progress")]
    ActionNotInProgress,
    #[error("the token is not that of the approval")]
    InvalidApprovalToken,
    #[error("a stop was requested before")]
    DuplicatedStopRequest,
    #[error("the pipeline has no stage '{0}'")]
    StageNotFound(String),
    #[error("stage '{0}' has no such transition")]
    NoSuchTransition(String),
    #[error("stage '{stage}' cannot be retried: {why}")]
    StageNotRetryable { stage: String, why: &'static str },
    #[error("a later execution has entered the stage")]
    NotLatestExecution,
    #[error("stage '{stage}' cannot be rolled back: {why}")]
    UnableToRollback { stage: String, why: &'static str },
    #[error("stage '{stage}' cannot be run again: {why}")]
    UnableToRerun { stage: String, why: &'static str },
    #[error("stage '{stage}' has no action '{action}'")]
    ActionNotFound { stage: String, action: String },
    #[error("the rule is not evaluated")]
    RuleNotInProgress,
    #[error("the condition of stage '{stage}' cannot be overridden: {why}")]
    ConditionNotOverridable { stage: String, why: &'static str },
    #[error("the target execution ran on version {0} of the definition, which is not the current one")]
    TargetOutdated(u32),
    #[error("version {given} cannot follow version {current}")]
    VersionOutOfOrder { given: u32, current: u32 },
    /// Whoever loaded the state did not put a definition back that it needs.
    #[error("the definition with version {0} was not given")]
    DefinitionMissing(u32),
}
