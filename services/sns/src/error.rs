//! What SNS refuses with: AWS's code, status and wording, stated once.

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("Topic does not exist")]
    TopicNotFound,
    #[error("Subscription does not exist")]
    SubscriptionNotFound,
    /// Of a call on tags.
    #[error("Resource does not exist")]
    ResourceNotFound,
    /// What follows `Invalid parameter: `.
    #[error("Invalid parameter: {0}")]
    InvalidParameter(String),
    /// The whole message, of a message attribute.
    #[error("{0}")]
    InvalidValue(String),
    #[error("{0}")]
    AuthorizationError(String),
    #[error("Could not complete request: tag quota of per resource exceeded")]
    TagLimitExceeded,
    #[error("The batch request contains more entries than permissible.")]
    TooManyEntriesInBatch,
    #[error("The batch request doesn't contain any entries.")]
    EmptyBatch,
    #[error("Two or more batch entries in the request have the same Id.")]
    BatchIdsNotDistinct,
    #[error("The length of all the batch messages put together is more than the limit.")]
    BatchTooLong,
    #[error("The Id of a batch entry in a batch request doesn't abide by the specification.")]
    InvalidBatchEntryId,
    /// A part of the API that AWS has and this program does not have.
    #[error("{0}")]
    NotImplemented(String),
    #[error("{0}")]
    Store(#[from] store::Error),
    #[error("{0}")]
    Seal(#[from] seal::SealError),
    /// Why messages cannot be signed.
    #[error("{0}")]
    Signing(String),
}

impl Error {
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::InvalidParameter(what.into())
    }

    pub fn not_implemented(what: &str) -> Self {
        Self::NotImplemented(format!("{what} not built yet."))
    }

    /// Code and status as the model has them.
    pub fn code(&self) -> (&'static str, u16) {
        match self {
            Self::TopicNotFound | Self::SubscriptionNotFound => ("NotFound", 404),
            Self::ResourceNotFound => ("ResourceNotFound", 404),
            Self::InvalidParameter(_) => ("InvalidParameter", 400),
            Self::InvalidValue(_) => ("ParameterValueInvalid", 400),
            Self::AuthorizationError(_) => ("AuthorizationError", 403),
            Self::TagLimitExceeded => ("TagLimitExceeded", 400),
            Self::TooManyEntriesInBatch => ("TooManyEntriesInBatchRequest", 400),
            Self::EmptyBatch => ("EmptyBatchRequest", 400),
            Self::BatchIdsNotDistinct => ("BatchEntryIdsNotDistinct", 400),
            Self::BatchTooLong => ("BatchRequestTooLong", 400),
            Self::InvalidBatchEntryId => ("InvalidBatchEntryId", 400),
            Self::NotImplemented(_) => ("NotImplemented", 501),
            Self::Store(_) | Self::Seal(_) | Self::Signing(_) => ("InternalError", 500),
        }
    }
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let (code, status) = error.code();
        match &error {
            Error::Store(_) | Error::Seal(_) | Error::Signing(_) => Self::internal(error),
            _ => Self::new(code, error.to_string()).with_status(status),
        }
    }
}
