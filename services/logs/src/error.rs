//! The errors of CloudWatch Logs, their codes and wording; all have status 400 but our own faults.

/// A refused or failed call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("The specified log group does not exist.")]
    NoSuchGroup,
    #[error("The specified log stream does not exist.")]
    NoSuchStream,
    #[error("The specified resource does not exist.")]
    NoSuchResource,
    #[error("The specified log group already exists")]
    GroupExists,
    #[error("The specified log stream already exists")]
    StreamExists,
    #[error("{0}")]
    InvalidParameter(String),
    #[error("{0}")]
    NotImplemented(String),
    #[error("Too many tags: a resource has at most 50.")]
    TooManyTags,
    #[error("{0}")]
    Store(#[from] store::Error),
    #[error("a chunk of log events cannot be read: {0}")]
    Unreadable(#[from] crate::chunks::Unreadable),
}

impl Error {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidParameter(message.into())
    }
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NoSuchGroup | Error::NoSuchStream | Error::NoSuchResource => {
                Self::new("ResourceNotFoundException", message)
            }
            Error::GroupExists | Error::StreamExists => Self::new("ResourceAlreadyExistsException", message),
            Error::InvalidParameter(_) => Self::new("InvalidParameterException", message),
            Error::NotImplemented(_) => Self::new("NotImplemented", message).with_status(501),
            Error::TooManyTags => Self::new("TooManyTagsException", message),
            Error::Store(cause) => Self::internal(cause),
            Error::Unreadable(_) => Self::internal(message),
        }
    }
}
