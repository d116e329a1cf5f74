//! What IAM and STS refuse with. Texts and codes are AWS's.

use thiserror::Error;

use crate::policy::MalformedPolicyDocument;
use seal::SealError;

#[derive(Clone, Debug, Error)]
pub enum Error {
    /// A user, group, role or instance profile.
    #[error("The {noun} with name {name} cannot be found.")]
    NoSuchNamed { noun: &'static str, name: String },
    /// An inline policy of a user, group or role.
    #[error("The {noun} policy with name {name} cannot be found.")]
    NoSuchInlinePolicy { noun: &'static str, name: String },
    #[error("Policy {0} was not found.")]
    NoSuchPolicy(String),
    #[error("Policy {arn} version {version} does not exist or is not attachable.")]
    NoSuchPolicyVersion { arn: String, version: String },
    #[error("Policy {0} does not exist or is not attachable.")]
    NotAttachable(String),
    #[error("The Access Key with id {0} cannot be found.")]
    NoSuchAccessKey(String),
    #[error("Service Specific Credential {0} not found.")]
    NoSuchServiceCredential(String),
    /// Another entity that is not there, with its whole text.
    #[error("{0}")]
    NoSuchEntity(String),
    #[error("No such service {0} is supported for Service Specific Credentials")]
    ServiceNotSupported(String),

    #[error("{noun} with name {name} already exists.")]
    AlreadyExists { noun: &'static str, name: String },
    #[error("A policy called {0} already exists. Duplicate names are not allowed.")]
    PolicyExists(String),

    #[error("Cannot delete entity, must {0} first.")]
    DeleteConflict(&'static str),
    #[error("{0}")]
    DeleteForbidden(&'static str),

    #[error("Cannot exceed quota for {quota}: {limit}")]
    Quota { quota: &'static str, limit: usize },
    #[error("Maximum policy size of {limit} bytes exceeded for {noun} {name}")]
    InlineSize { noun: &'static str, name: String, limit: usize },
    #[error(
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing \
         version."
    )]
    TooManyVersions,

    #[error(transparent)]
    MalformedPolicyDocument(#[from] MalformedPolicyDocument),
    #[error("{0}")]
    InvalidInput(String),
    #[error("{0}")]
    Validation(String),
    #[error("{0}")]
    AccessDenied(String),
    /// A packed session is too large; the number is its size in percent of what is allowed.
    #[error("Packed size of session tags consumes {0}% of allotted space.")]
    PackedPolicyTooLarge(u64),
    #[error("{0}")]
    InvalidAuthorizationMessage(&'static str),
    #[error("{0}")]
    InvalidClientToken(&'static str),

    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Sealed(#[from] SealError),
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let (code, status) = match &error {
            Error::NoSuchNamed { .. }
            | Error::NoSuchInlinePolicy { .. }
            | Error::NoSuchPolicy(_)
            | Error::NoSuchPolicyVersion { .. }
            | Error::NotAttachable(_)
            | Error::NoSuchAccessKey(_)
            | Error::NoSuchServiceCredential(_)
            | Error::NoSuchEntity(_)
            | Error::ServiceNotSupported(_) => ("NoSuchEntity", 404),
            Error::AlreadyExists { .. } | Error::PolicyExists(_) => ("EntityAlreadyExists", 409),
            Error::DeleteConflict(_) | Error::DeleteForbidden(_) => ("DeleteConflict", 409),
            Error::Quota { .. } | Error::InlineSize { .. } | Error::TooManyVersions => ("LimitExceeded", 409),
            Error::MalformedPolicyDocument(_) => ("MalformedPolicyDocument", 400),
            Error::InvalidInput(_) => ("InvalidInput", 400),
            Error::Validation(_) => ("ValidationError", 400),
            Error::AccessDenied(_) => ("AccessDenied", 403),
            Error::PackedPolicyTooLarge(_) => ("PackedPolicyTooLarge", 400),
            Error::InvalidAuthorizationMessage(_) => ("InvalidAuthorizationMessageException", 400),
            Error::InvalidClientToken(_) => ("InvalidClientTokenId", 403),
            Error::Store(cause) => return aws::Error::internal(cause),
            Error::Sealed(cause) => return aws::Error::internal(cause),
        };
        aws::Error::new(code, error.to_string()).with_status(status)
    }
}
