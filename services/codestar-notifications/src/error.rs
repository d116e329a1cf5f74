//! What CodeStar Notifications refuses with: AWS's code and status, stated once.

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("The notification rule {0} does not exist.")]
    RuleNotFound(String),
    #[error("A notification rule with the name '{0}' already exists in this account and region.")]
    NameTaken(String),
    #[error("{0}")]
    Validation(String),
    /// Of targets.
    #[error("{0}")]
    Configuration(String),
    #[error("{0}")]
    LimitExceeded(String),
    #[error(
        "The value for the enumeration token used in the request to return the next batch of the results is not valid."
    )]
    InvalidNextToken,
    /// A part of the API that AWS has and this program does not have.
    #[error("{0}")]
    NotImplemented(String),
    #[error("{0}")]
    Store(#[from] store::Error),
}

impl Error {
    pub fn validation(message: impl Into<String>) -> Self {
        Self::Validation(message.into())
    }
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let (code, status) = match error {
            Error::RuleNotFound(_) => ("ResourceNotFoundException", 404),
            Error::NameTaken(_) => ("ResourceAlreadyExistsException", 409),
            Error::Validation(_) => ("ValidationException", 400),
            Error::Configuration(_) => ("ConfigurationException", 400),
            Error::LimitExceeded(_) => ("LimitExceededException", 400),
            Error::InvalidNextToken => ("InvalidNextTokenException", 400),
            Error::NotImplemented(_) => ("NotImplemented", 501),
            Error::Store(cause) => return Self::internal(cause),
        };
        Self::new(code, message).with_status(status)
    }
}
