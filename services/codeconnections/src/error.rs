//! What CodeConnections refuses with: AWS's code and wording where it is known, stated once.

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The whole name of what is not there.
    #[error("{0} not found")]
    NotFound(String),
    #[error("{0}")]
    Unavailable(String),
    #[error("The account has {limit} {what}, and may not have more")]
    LimitExceeded { what: &'static str, limit: usize },
    #[error("{0}")]
    Validation(String),
    /// The Git host refuses the token.
    #[error("{0}")]
    Refused(String),
    /// The Git host does not answer, or not as it should: it may later.
    #[error("{0}")]
    HostUnavailable(String),
    /// A part of the API that AWS has and this program does not have.
    #[error("{0} of CodeConnections is not built.")]
    NotImplemented(&'static str),
    /// An error of another service, or a fault of ours, handed on as it is.
    #[error("{0}")]
    Other(Box<aws::Error>),
}

impl Error {
    pub fn validation(message: impl Into<String>) -> Self {
        Self::Validation(message.into())
    }

    /// A fault of ours: logged here, and the caller learns nothing of it.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Other(Box::new(aws::Error::internal(cause)))
    }
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NotFound(_) => Self::new("ResourceNotFoundException", message),
            Error::Unavailable(_) => Self::new("ResourceUnavailableException", message),
            Error::LimitExceeded { .. } => Self::new("LimitExceededException", message),
            Error::Validation(_) => Self::new("ValidationException", message),
            Error::Refused(_) => Self::new("AccessDeniedException", message),
            Error::HostUnavailable(_) => Self::new("ServiceUnavailableException", message).with_status(503),
            Error::NotImplemented(_) => Self::new("NotImplemented", message).with_status(501),
            Error::Other(error) => *error,
        }
    }
}

/// What the Git host refuses, or what is not there.
impl From<githost::Failure> for Error {
    fn from(failure: githost::Failure) -> Self {
        use githost::Failure;
        match failure {
            Failure::AuthenticationRequired | Failure::AuthorizationFailed => Self::Refused(
                "The Git host does not admit the token of the connection to this repository".to_owned(),
            ),
            Failure::RepositoryNotFound => Self::NotFound("The repository was".to_owned()),
            // Nothing was there before that could be damaged: a commit that was named is missing.
            Failure::ReferenceNotFound | Failure::NotAdvertised | Failure::Damaged(_) => {
                Self::NotFound("The branch or commit was".to_owned())
            }
            Failure::Unrelated => Self::validation("The commit has nothing in common with the branch"),
            Failure::Moved => Self::validation(
                "The Git host sends elsewhere: the repository has moved, or the address of the connection is not right",
            ),
            Failure::TooSlow => Self::HostUnavailable("The Git host took too long.".to_owned()),
            large @ Failure::TooLarge(_) => Self::validation(large.to_string()),
            Failure::Other(told) => Self::HostUnavailable(format!("The Git host could not be used: {told}")),
            Failure::Io(error) => Self::internal(format!("git: {error}")),
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
