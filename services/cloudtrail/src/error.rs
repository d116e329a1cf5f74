//! What the service refuses with. Source: CloudTrail API Reference.

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    InvalidLookupAttributes(&'static str),
    #[error("The start time must be before the end time.")]
    InvalidTimeRange,
    #[error("Invalid nextToken in the request.")]
    InvalidNextToken,
    #[error("Insights events are not collected.")]
    InsightsNotCollected,
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::InvalidLookupAttributes(_) => "InvalidLookupAttributesException",
            Error::InvalidTimeRange => "InvalidTimeRangeException",
            Error::InvalidNextToken => "InvalidNextTokenException",
            Error::InsightsNotCollected => "UnsupportedOperationException",
            Error::Store(cause) => return Self::internal(cause),
        };
        Self::new(code, error.to_string())
    }
}
