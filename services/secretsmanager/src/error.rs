//! What Secrets Manager refuses with: AWS's code and wording, stated once; all have status 400 but our own faults.

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("Secrets Manager can't find the specified secret.")]
    NotFound,
    /// `VersionId: …` or `staging label: …`.
    #[error("Secrets Manager can't find the specified secret value for {0}")]
    NoSuchVersion(String),
    #[error("The operation failed because the secret {0} already exists.")]
    Exists(String),
    #[error(
        "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
    )]
    TokenInUse { token: String, arn: String },
    #[error(
        "You can't create this secret because a secret with this name is already scheduled for deletion."
    )]
    NameIsDeleted,
    #[error("You can't perform this operation on the secret because it was marked for deletion.")]
    MarkedForDeletion,
    #[error("The number of {0} exceeds the limit.")]
    LimitExceeded(&'static str),
    #[error("Invalid NextToken.")]
    InvalidNextToken,
    #[error(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
    )]
    InvalidName,
    /// The whole message.
    #[error("{0}")]
    InvalidParameter(String),
    #[error("{0}")]
    InvalidRequest(String),
    /// A part of the API that AWS has and this program does not have.
    #[error("{0} not built yet.")]
    NotImplemented(&'static str),
    #[error("{0}")]
    Store(#[from] store::Error),
    #[error("{0}")]
    Seal(#[from] seal::SealError),
}

impl Error {
    pub fn parameter(message: impl Into<String>) -> Self {
        Self::InvalidParameter(message.into())
    }

    pub fn request(message: impl Into<String>) -> Self {
        Self::InvalidRequest(message.into())
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound | Self::NoSuchVersion(_) => "ResourceNotFoundException",
            Self::Exists(_) | Self::TokenInUse { .. } => "ResourceExistsException",
            Self::NameIsDeleted | Self::MarkedForDeletion | Self::InvalidRequest(_) => {
                "InvalidRequestException"
            }
            Self::LimitExceeded(_) => "LimitExceededException",
            Self::InvalidNextToken => "InvalidNextTokenException",
            Self::InvalidName => "ValidationException",
            Self::InvalidParameter(_) => "InvalidParameterException",
            Self::NotImplemented(_) => "NotImplemented",
            Self::Store(_) | Self::Seal(_) => "InternalServiceError",
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
