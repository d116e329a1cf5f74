//! What SQS refuses with: AWS's code, status and wording, stated once.

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    /// Holds the attribute in which the queues differ.
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    QueueNameExists(String),
    /// Holds the address.
    #[error("The address {0} is not valid for this endpoint.")]
    InvalidAddress(String),
    #[error("Unknown Attribute {0}.")]
    InvalidAttributeName(String),
    /// Holds the attribute.
    #[error("Invalid value for the parameter {0}.")]
    InvalidAttributeValue(String),
    /// Holds the whole message.
    #[error("{0}")]
    InvalidParameterValue(String),
    /// Holds the member.
    #[error("The request must contain the parameter {0}.")]
    MissingParameter(String),
    #[error(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | \
         #x10000 to #x10FFFF"
    )]
    InvalidMessageContents,
    #[error("The input receipt handle is invalid.")]
    ReceiptHandleIsInvalid,
    #[error("The message is not in flight.")]
    MessageNotInflight,
    #[error("{0}")]
    UnsupportedOperation(String),
    #[error("{0}")]
    OverLimit(String),
    #[error("Too many requests wait for messages; try again.")]
    RequestThrottled,
    /// Holds the queue's name.
    #[error("Only one PurgeQueue operation on {0} is allowed every 60 seconds.")]
    PurgeQueueInProgress(String),
    #[error("Maximum number of entries per request are 10. You have sent {0}.")]
    TooManyEntriesInBatch(usize),
    /// Holds the name of an entry's shape.
    #[error("There should be at least one {0} in the request.")]
    EmptyBatch(&'static str),
    #[error("Id {0} repeated.")]
    BatchEntryIdsNotDistinct(String),
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters \
         long."
    )]
    InvalidBatchEntryId,
    /// Holds the bytes that were sent.
    #[error("Batch requests cannot be longer than 1048576 bytes. You have sent {0} bytes.")]
    BatchRequestTooLong(usize),
    #[error("{0}")]
    ResourceNotFound(String),
    /// A part of the API that AWS has and this program does not have.
    #[error("{0}")]
    NotImplemented(String),
    #[error("{0}")]
    Store(#[from] store::Error),
    #[error("{0}")]
    Seal(#[from] seal::SealError),
}

impl Error {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidParameterValue(message.into())
    }

    /// A value of a parameter, with the reason for which it is refused.
    pub fn value(value: impl std::fmt::Display, parameter: &str, reason: &str) -> Self {
        Self::InvalidParameterValue(format!(
            "Value {value} for parameter {parameter} is invalid. Reason: {reason}"
        ))
    }

    pub fn not_implemented(what: &str) -> Self {
        Self::NotImplemented(format!("{what} not built yet."))
    }

    /// The status in the Query protocol; in JSON all are 400. Source: the model of the service from before it spoke JSON.
    fn query_status(&self) -> u16 {
        match self {
            Self::OverLimit(_) | Self::PurgeQueueInProgress(_) => 403,
            Self::ResourceNotFound(_) => 404,
            _ => 400,
        }
    }

    /// The name of the shape, and the code by which clients of the Query protocol know it.
    /// Source: SQS API Reference, "Common Errors" and the errors of each action.
    pub fn codes(&self) -> (&'static str, &'static str) {
        match self {
            Self::QueueDoesNotExist => ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
            Self::QueueNameExists(_) => ("QueueNameExists", "QueueAlreadyExists"),
            Self::InvalidAddress(_) => ("InvalidAddress", "InvalidAddress"),
            Self::InvalidAttributeName(_) => ("InvalidAttributeName", "InvalidAttributeName"),
            Self::InvalidAttributeValue(_) => ("InvalidAttributeValue", "InvalidAttributeValue"),
            Self::InvalidParameterValue(_) => ("InvalidParameterValueException", "InvalidParameterValue"),
            Self::MissingParameter(_) => ("MissingRequiredParameterException", "MissingParameter"),
            Self::InvalidMessageContents => ("InvalidMessageContents", "InvalidMessageContents"),
            Self::ReceiptHandleIsInvalid => ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
            Self::MessageNotInflight => ("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
            Self::UnsupportedOperation(_) => {
                ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")
            }
            Self::OverLimit(_) => ("OverLimit", "OverLimit"),
            Self::RequestThrottled => ("RequestThrottled", "RequestThrottled"),
            Self::PurgeQueueInProgress(_) => {
                ("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress")
            }
            Self::TooManyEntriesInBatch(_) => {
                ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
            }
            Self::EmptyBatch(_) => ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
            Self::BatchEntryIdsNotDistinct(_) => {
                ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
            }
            Self::InvalidBatchEntryId => {
                ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId")
            }
            Self::BatchRequestTooLong(_) => {
                ("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong")
            }
            Self::ResourceNotFound(_) => ("ResourceNotFoundException", "ResourceNotFoundException"),
            Self::NotImplemented(_) => ("NotImplemented", "NotImplemented"),
            Self::Store(_) | Self::Seal(_) => ("InternalFailure", "InternalFailure"),
        }
    }
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let (code, query_code) = error.codes();
        match &error {
            Error::Store(_) | Error::Seal(_) => Self::internal(error),
            Error::NotImplemented(_) => Self::new(code, error.to_string()).with_status(501),
            _ => Self::new(code, error.to_string()).with_query_code(query_code, error.query_status()),
        }
    }
}
