//! What Parameter Store refuses with: AWS's code and wording, stated once; all have status 400 but our own faults.

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("Parameter {0} not found.")]
    NotFound(String),
    #[error("Systems Manager could not find {selector} of {name}. Verify it and try again.")]
    VersionNotFound { name: String, selector: String },
    #[error(
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
    )]
    AlreadyExists,
    #[error("You have reached the maximum number of parameters for this account and region.")]
    TooManyParameters,
    #[error("A parameter can't have more than {limit} levels.", limit = crate::names::MOST_LEVELS)]
    TooManyLevels,
    #[error(
        "The parameter {name} is of type {kind}: the type can't be changed. Create a new, unique parameter instead."
    )]
    TypeMismatch { name: String, kind: String },
    #[error("The request does not meet the regular expression requirement: {0}")]
    InvalidAllowedPattern(String),
    #[error("Parameter value, cannot be validated against allowedPattern: {0}")]
    PatternMismatch(String),
    #[error(
        "You attempted to create a new version of {name} by calling the PutParameter API. Version {oldest}, the oldest \
         version, can't be deleted because it has a label associated with it. Move the label to another version of the \
         parameter, and try again."
    )]
    TooManyVersions { name: String, oldest: u64 },
    #[error("A parameter version can have a maximum of ten labels.")]
    TooManyLabels,
    #[error("The number of tags exceeds the limit of 50.")]
    TooManyTags,
    #[error("{0} is not a valid resource type: only parameters have tags here.")]
    InvalidResourceType(String),
    #[error("The resource ID {0} is not valid. Verify that you entered the correct ID and try again.")]
    InvalidResourceId(String),
    #[error("The following filter option is not valid: {option}. Valid options include: [{valid}].")]
    InvalidFilterOption { option: String, valid: &'static str },
    /// The whole message.
    #[error("{0}")]
    InvalidFilterKey(String),
    #[error("{0}")]
    InvalidFilterValue(String),
    #[error("The specified token is not valid.")]
    InvalidNextToken,
    #[error("No access to reserved parameter name: {0}.")]
    ReservedName(String),
    #[error("{0}")]
    Validation(String),
    /// A part of the API that AWS has and this program does not have.
    #[error("{0} not built yet.")]
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

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "ParameterNotFound",
            Self::VersionNotFound { .. } => "ParameterVersionNotFound",
            Self::AlreadyExists => "ParameterAlreadyExists",
            Self::TooManyParameters => "ParameterLimitExceeded",
            Self::TooManyLevels => "HierarchyLevelLimitExceededException",
            Self::TypeMismatch { .. } => "HierarchyTypeMismatchException",
            Self::InvalidAllowedPattern(_) => "InvalidAllowedPatternException",
            Self::PatternMismatch(_) => "ParameterPatternMismatchException",
            Self::TooManyVersions { .. } => "ParameterMaxVersionLimitExceeded",
            Self::TooManyLabels => "ParameterVersionLabelLimitExceeded",
            Self::TooManyTags => "TooManyTagsError",
            Self::InvalidResourceType(_) => "InvalidResourceType",
            Self::InvalidResourceId(_) => "InvalidResourceId",
            Self::InvalidFilterOption { .. } => "InvalidFilterOption",
            Self::InvalidFilterKey(_) => "InvalidFilterKey",
            Self::InvalidFilterValue(_) => "InvalidFilterValue",
            Self::InvalidNextToken => "InvalidNextToken",
            Self::ReservedName(_) => "AccessDeniedException",
            Self::Validation(_) => "ValidationException",
            Self::NotImplemented(_) => "NotImplemented",
            Self::Store(_) | Self::Seal(_) => "InternalServerError",
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
