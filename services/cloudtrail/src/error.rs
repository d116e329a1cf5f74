//! What the service refuses with. Source: CloudTrail API Reference.

/// A refused call. `From` makes it the error on the wire.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    InvalidLookupAttributes(&'static str),
    #[error("The start time must be before the end time.")]
    InvalidTimeRange,
    #[error("Invalid nextToken in the request.")]
    InvalidNextToken,
    #[error("The token is not valid.")]
    InvalidToken,
    #[error("Insights events are not collected.")]
    InsightsNotCollected,
    #[error(
        "Trail {0} does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again."
    )]
    InsightNotEnabled(String),
    #[error("Unknown trail: {name} for the user: {account}")]
    TrailNotFound { name: String, account: String },
    #[error("Trail {name} already exists for customer: {account}")]
    TrailExists { name: String, account: String },
    #[error("User: {account} already has {limit} trails in {region}.")]
    TooManyTrails { account: String, limit: u64, region: String },
    #[error("{0}")]
    InvalidTrailName(String),
    #[error("The trail ARN is not valid: {0}")]
    InvalidArn(String),
    #[error("Trail was accessed from region {from}, but its home region is {home}.")]
    InvalidHomeRegion { from: String, home: String },
    #[error("S3 bucket {0} does not exist!")]
    BucketDoesNotExist(String),
    #[error("Incorrect S3 bucket policy is detected for bucket: {0}")]
    InsufficientBucketPolicy(String),
    #[error("{0} is no valid name of an S3 bucket.")]
    InvalidBucketName(String),
    #[error(
        "The S3 key prefix may have up to 200 characters, and must not begin with a slash or end with one."
    )]
    InvalidPrefix,
    #[error("{0} is no valid name or ARN of an SNS topic.")]
    InvalidTopicName(String),
    #[error("SNS Topic does not exist or the topic policy is incorrect!")]
    InsufficientTopicPolicy,
    #[error("{0}")]
    InvalidLogGroupArn(String),
    #[error("{0}")]
    InvalidLogsRole(String),
    #[error("CloudWatch Logs cannot be reached; try again later.")]
    LogsUnavailable,
    #[error("{0}")]
    InvalidParameterCombination(String),
    #[error("{0}")]
    InvalidEventSelectors(String),
    #[error("{0}")]
    InvalidTag(String),
    #[error("The number of tags per trail has exceeded the permitted amount. Currently, the limit is {0}.")]
    TooManyTags(usize),
    #[error("Trail ARN is not found: {0}")]
    ResourceNotFound(String),
    #[error("Tags of this type of resource are not supported: {0}")]
    ResourceTypeNotSupported(String),
    #[error("This account is in no organization.")]
    NoOrganization,
    /// A part of the API that AWS has and this program does not have.
    #[error("{0}")]
    NotImplemented(String),
    #[error("a pair of keys for digest files could not be made or opened")]
    Key,
    #[error(transparent)]
    Seal(#[from] seal::SealError),
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What another service answered, passed on.
    #[error("{0}")]
    Passed(aws::Error),
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::InvalidLookupAttributes(_) => "InvalidLookupAttributesException",
            Error::InvalidTimeRange => "InvalidTimeRangeException",
            Error::InvalidNextToken => "InvalidNextTokenException",
            Error::InvalidToken => "InvalidTokenException",
            Error::InsightsNotCollected => "UnsupportedOperationException",
            Error::InsightNotEnabled(_) => "InsightNotEnabledException",
            Error::TrailNotFound { .. } => "TrailNotFoundException",
            Error::TrailExists { .. } => "TrailAlreadyExistsException",
            Error::TooManyTrails { .. } => "MaximumNumberOfTrailsExceededException",
            Error::InvalidTrailName(_) => "InvalidTrailNameException",
            Error::InvalidArn(_) => "CloudTrailARNInvalidException",
            Error::InvalidHomeRegion { .. } => "InvalidHomeRegionException",
            Error::BucketDoesNotExist(_) => "S3BucketDoesNotExistException",
            Error::InsufficientBucketPolicy(_) => "InsufficientS3BucketPolicyException",
            Error::InvalidBucketName(_) => "InvalidS3BucketNameException",
            Error::InvalidPrefix => "InvalidS3PrefixException",
            Error::InvalidTopicName(_) => "InvalidSnsTopicNameException",
            Error::InsufficientTopicPolicy => "InsufficientSnsTopicPolicyException",
            Error::InvalidLogGroupArn(_) => "InvalidCloudWatchLogsLogGroupArnException",
            Error::InvalidLogsRole(_) => "InvalidCloudWatchLogsRoleArnException",
            Error::LogsUnavailable => "CloudWatchLogsDeliveryUnavailableException",
            Error::InvalidParameterCombination(_) => "InvalidParameterCombinationException",
            Error::InvalidEventSelectors(_) => "InvalidEventSelectorsException",
            Error::InvalidTag(_) => "InvalidTagParameterException",
            Error::TooManyTags(_) => "TagsLimitExceededException",
            Error::ResourceNotFound(_) => "ResourceNotFoundException",
            Error::ResourceTypeNotSupported(_) => "ResourceTypeNotSupportedException",
            Error::NoOrganization => "OrganizationsNotInUseException",
            Error::NotImplemented(_) => {
                return Self::new("NotImplemented", error.to_string()).with_status(501);
            }
            Error::Key | Error::Seal(_) | Error::Store(_) => return Self::internal(error),
            Error::Passed(_) => {
                let Error::Passed(passed) = error else { return Self::internal("no error was passed on") };
                return passed;
            }
        };
        Self::new(code, error.to_string())
    }
}
