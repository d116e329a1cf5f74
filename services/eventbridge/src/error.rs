//! What EventBridge refuses with: AWS's code and wording, stated once; all have status 400 but our own faults.

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("Event bus {0} does not exist.")]
    BusNotFound(String),
    #[error("Event bus {0} already exists.")]
    BusExists(String),
    #[error("Rule {name} does not exist on EventBus {bus}.")]
    RuleNotFound { name: String, bus: String },
    #[error("Statement with the provided id does not exist.")]
    StatementNotFound,
    #[error("The policy of an event bus may not have more than {limit} characters.", limit = crate::operations::POLICY_LIMIT)]
    PolicyLengthExceeded,
    #[error("{0} does not exist.")]
    ResourceNotFound(String),
    /// The kind and name of what is there already.
    #[error("{0} already exists.")]
    AlreadyExists(String),
    #[error("{0} was changed at the same time.")]
    ConcurrentModification(String),
    #[error("The requested resource exceeds the maximum number allowed.")]
    LimitExceeded,
    #[error("{0} is not in a valid state for this operation.")]
    IllegalStatus(String),
    #[error("Rule {0} is managed by an AWS service can only be modified if force is true.")]
    ManagedRule(String),
    /// The whole message.
    #[error("{0}")]
    InvalidEventPattern(String),
    #[error("{0}")]
    Validation(String),
    /// A part of the API that AWS has and this program does not have.
    #[error("{0}")]
    NotImplemented(String),
    #[error("{0}")]
    Store(#[from] store::Error),
    #[error("{0}")]
    Seal(#[from] seal::SealError),
}

impl Error {
    pub fn validation(message: impl Into<String>) -> Self {
        Self::Validation(message.into())
    }

    /// A parameter with a reason.
    pub fn parameter(name: &str, reason: &str) -> Self {
        Self::Validation(format!("Parameter {name} is not valid. Reason: {reason}"))
    }

    pub fn not_implemented(what: &str) -> Self {
        Self::NotImplemented(format!("{what} not built yet."))
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BusNotFound(_)
            | Self::RuleNotFound { .. }
            | Self::StatementNotFound
            | Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::BusExists(_) | Self::AlreadyExists(_) => "ResourceAlreadyExistsException",
            Self::ConcurrentModification(_) => "ConcurrentModificationException",
            Self::PolicyLengthExceeded => "PolicyLengthExceededException",
            Self::LimitExceeded => "LimitExceededException",
            Self::IllegalStatus(_) => "IllegalStatusException",
            Self::ManagedRule(_) => "ManagedRuleException",
            Self::InvalidEventPattern(_) => "InvalidEventPatternException",
            Self::Validation(_) => "ValidationException",
            Self::NotImplemented(_) => "NotImplemented",
            Self::Store(_) | Self::Seal(_) => "InternalFailure",
        }
    }
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match &error {
            Error::Store(_) | Error::Seal(_) => Self::internal(message),
            Error::NotImplemented(_) => Self::new(error.code(), message).with_status(501),
            _ => Self::new(error.code(), message),
        }
    }
}
