//! What CodeBuild refuses with: AWS's code and wording, stated once.

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    InvalidInput(String),
    #[error("Idempotency token was already used with different parameters: idempotent parameter mismatch")]
    ParameterMismatch,
    #[error("Project already exists: {0}")]
    ProjectAlreadyExists(String),
    #[error("Project cannot be found: {0}")]
    ProjectNotFound(String),
    #[error("Build cannot be found: {0}")]
    BuildNotFound(String),
    #[error("Build batch cannot be found: {0}")]
    BatchNotFound(String),
    #[error("Fleet already exists: {0}")]
    FleetAlreadyExists(String),
    #[error("Fleet cannot be found: {0}")]
    FleetNotFound(String),
    #[error("Report group already exists: {0}")]
    ReportGroupAlreadyExists(String),
    #[error("Report group cannot be found: {0}")]
    ReportGroupNotFound(String),
    #[error("Report cannot be found: {0}")]
    ReportNotFound(String),
    #[error("{0} has no resource policy")]
    ResourcePolicyNotFound(String),
    #[error("Source credentials for {0} already exist")]
    CredentialsExist(String),
    #[error("Source credentials cannot be found: {0}")]
    CredentialsNotFound(String),
    #[error("Webhook already exists for project: {0}")]
    WebhookExists(String),
    #[error("Webhook cannot be found for project: {0}")]
    WebhookNotFound(String),
    /// The Git host refuses, or cannot be reached.
    #[error("{0}")]
    Provider(String),
    #[error("Sandbox cannot be found: {0}")]
    SandboxNotFound(String),
    #[error("Cannot have more than {0} builds in queue for the account")]
    TooManyQueued(u64),
    #[error("Project {project} has reached its limit of {limit} concurrent builds")]
    TooManyOfProject { project: String, limit: i32 },
    /// A part of the API that AWS has and this program does not have yet.
    #[error("{0} of CodeBuild is not built yet.")]
    NotImplemented(String),
    /// An error of another service, or a fault of ours, handed on as it is.
    #[error("{0}")]
    Other(aws::Error),
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::InvalidInput(_) | Error::ParameterMismatch => "InvalidInputException",
            Error::ProjectAlreadyExists(_)
            | Error::FleetAlreadyExists(_)
            | Error::ReportGroupAlreadyExists(_)
            | Error::CredentialsExist(_)
            | Error::WebhookExists(_) => "ResourceAlreadyExistsException",
            Error::ProjectNotFound(_)
            | Error::BuildNotFound(_)
            | Error::BatchNotFound(_)
            | Error::FleetNotFound(_)
            | Error::ReportGroupNotFound(_)
            | Error::ReportNotFound(_)
            | Error::ResourcePolicyNotFound(_)
            | Error::CredentialsNotFound(_)
            | Error::WebhookNotFound(_)
            | Error::SandboxNotFound(_) => "ResourceNotFoundException",
            Error::Provider(_) => "OAuthProviderException",
            Error::TooManyQueued(_) | Error::TooManyOfProject { .. } => "AccountLimitExceededException",
            Error::NotImplemented(_) => {
                return Self::new("NotImplemented", error.to_string()).with_status(501);
            }
            Error::Other(other) => return other.clone(),
        };
        Self::new(code, error.to_string())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Other(aws::Error::internal(error))
    }
}

impl From<aws::Error> for Error {
    fn from(error: aws::Error) -> Self {
        Self::Other(error)
    }
}
