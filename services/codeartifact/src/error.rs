//! What CodeArtifact refuses with: its exceptions, with the members by which clients tell them apart.
//! Source: CodeArtifact API Reference, "Errors" of each action.

use aws::Error as Refusal;

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("{message}")]
    NotFound { message: String, resource: Resource },
    #[error("{message}")]
    Conflict { message: String, resource: Resource },
    #[error("{message}")]
    QuotaExceeded { message: String, resource: Resource },
    #[error("{message}")]
    Validation { message: String, reason: Reason },
    /// By a rule of the service's own, not by a policy.
    #[error("{0}")]
    AccessDenied(String),
    /// Something that will work if it is tried again at once.
    #[error("{0}")]
    Throttled(String),
    /// A source outside was of no help.
    #[error("The package could not be had from outside: {0}.")]
    Origin(String),
    /// A part of the API that AWS has and this program does not have.
    #[error("{0}")]
    NotImplemented(String),
    #[error("{0}")]
    Refused(Refusal),
    #[error("{0}")]
    Internal(String),
}

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub id: String,
    pub kind: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    CannotParse,
    EncryptionKey,
    Field,
    Other,
}

impl Resource {
    pub fn domain(id: &str) -> Self {
        Self { id: id.to_owned(), kind: "domain" }
    }

    pub fn repository(id: &str) -> Self {
        Self { id: id.to_owned(), kind: "repository" }
    }

    pub fn package(id: &str) -> Self {
        Self { id: id.to_owned(), kind: "package" }
    }

    pub fn version(id: &str) -> Self {
        Self { id: id.to_owned(), kind: "package-version" }
    }

    pub fn asset(id: &str) -> Self {
        Self { id: id.to_owned(), kind: "asset" }
    }
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::CannotParse => "CANNOT_PARSE",
            Self::EncryptionKey => "ENCRYPTION_KEY_ERROR",
            Self::Field => "FIELD_VALIDATION_FAILED",
            Self::Other => "OTHER",
        }
    }
}

impl Error {
    pub fn not_found(resource: Resource, message: impl Into<String>) -> Self {
        Self::NotFound { message: message.into(), resource }
    }

    pub fn conflict(resource: Resource, message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into(), resource }
    }

    pub fn quota(resource: Resource, message: impl Into<String>) -> Self {
        Self::QuotaExceeded { message: message.into(), resource }
    }

    /// A member with a value that does not fit.
    pub fn field(message: impl Into<String>) -> Self {
        Self::Validation { message: message.into(), reason: Reason::Field }
    }

    pub fn invalid(reason: Reason, message: impl Into<String>) -> Self {
        Self::Validation { message: message.into(), reason }
    }

    pub fn not_implemented(what: &str) -> Self {
        Self::NotImplemented(format!("{what} not built yet."))
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "ResourceNotFoundException",
            Self::Conflict { .. } => "ConflictException",
            Self::QuotaExceeded { .. } => "ServiceQuotaExceededException",
            Self::Validation { .. } => "ValidationException",
            Self::AccessDenied(_) => "AccessDeniedException",
            Self::Throttled(_) => "ThrottlingException",
            Self::NotImplemented(_) => "NotImplemented",
            Self::Origin(_) | Self::Refused(_) | Self::Internal(_) => "InternalServerException",
        }
    }

    /// The status of HTTP, of the API and for package managers alike.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::QuotaExceeded { .. } => 402,
            Self::Validation { .. } => 400,
            Self::AccessDenied(_) => 403,
            Self::Throttled(_) => 429,
            Self::Origin(_) => 502,
            Self::NotImplemented(_) => 501,
            Self::Refused(refusal) => refusal.status,
            Self::Internal(_) => 500,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let known = Self::new(error.code(), error.to_string()).with_status(error.status());
        match error {
            Error::NotFound { resource, .. }
            | Error::Conflict { resource, .. }
            | Error::QuotaExceeded { resource, .. } => {
                known.with_member("resourceId", resource.id).with_member("resourceType", resource.kind)
            }
            Error::Validation { reason, .. } => known.with_member("reason", reason.as_str()),
            Error::Refused(refusal) => refusal,
            Error::Internal(cause) => {
                let told = Self::internal(cause);
                Self::new("InternalServerException", told.message).with_status(500)
            }
            Error::AccessDenied(_) | Error::Throttled(_) | Error::Origin(_) | Error::NotImplemented(_) => {
                known
            }
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<blob::Error> for Error {
    fn from(error: blob::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<seal::SealError> for Error {
    fn from(error: seal::SealError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<blob::collection::NamingError> for Error {
    fn from(error: blob::collection::NamingError) -> Self {
        match error {
            blob::collection::NamingError::Store(error) => error.into(),
            // The same bytes went away while they were put again.
            collected => Self::Throttled(format!("{collected}; send it again.")),
        }
    }
}
