//! The errors of S3: code, status, wording and the further elements of the error document, once each.
//! Source: Amazon S3 API Reference, "Error Responses".

use std::sync::Arc;

use blob::collection::NamingError;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::checksums::Algorithm;

/// A refused or failed S3 call. `Display` is the message that the client reads.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("The specified bucket does not exist")]
    NoSuchBucket { bucket: String },
    #[error("The specified key does not exist.")]
    NoSuchKey { key: String },
    /// The key's latest version is a delete marker: absent too, and the headers tell why.
    #[error("The specified key does not exist.")]
    KeyIsDeleted { key: String, version_id: String },
    #[error("The specified version does not exist.")]
    NoSuchVersion { key: String, version_id: String },
    #[error("Invalid version id specified")]
    InvalidVersionId { version_id: String },
    /// A delete marker was asked for by its version id.
    #[error("The specified method is not allowed against this resource.")]
    IsDeleteMarker { method: &'static str, version_id: String },
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )]
    NoSuchUpload { upload_id: String },
    #[error("{message}")]
    NoSuchSetting { code: &'static str, message: &'static str, bucket: String },
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketAlreadyOwnedByYou { bucket: String },
    #[error(
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."
    )]
    BucketAlreadyExists { bucket: String },
    #[error("The bucket you tried to delete is not empty{hint}")]
    BucketNotEmpty { bucket: String, hint: &'static str },
    #[error("The specified bucket is not valid.")]
    InvalidBucketName { bucket: String },
    #[error(
        "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
    )]
    IllegalLocationConstraint { constraint: String },
    #[error("The specified location-constraint is not valid")]
    InvalidLocationConstraint { constraint: String },
    #[error("Your key is too long")]
    KeyTooLong { size: usize },
    #[error("Your metadata headers exceed the maximum allowed metadata size.")]
    MetadataTooLarge { size: usize },
    #[error("{message}")]
    InvalidArgument { name: &'static str, value: String, message: String },
    #[error("{0}")]
    InvalidRequest(String),
    #[error("{0}")]
    InvalidTag(String),
    #[error("The XML you provided was not well-formed or did not validate against our published schema")]
    MalformedXml,
    #[error("{0}")]
    MalformedPolicy(String),
    #[error("The bucket does not allow ACLs")]
    AclNotSupported,
    #[error("At least one of the pre-conditions you specified did not hold")]
    PreconditionFailed { condition: &'static str },
    /// The reader has this object already.
    #[error("Not Modified")]
    NotModified { etag: String },
    #[error("The requested range is not satisfiable")]
    InvalidRange { requested: String, size: u64 },
    #[error("The requested partnumber is not satisfiable")]
    InvalidPartNumber { requested: i32, parts: usize },
    #[error(
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    )]
    InvalidPart { upload_id: String, part_number: i32, etag: String },
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    InvalidPartOrder { upload_id: String },
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    EntityTooSmall { size: u64, part_number: i32, etag: String },
    #[error("Your proposed upload exceeds the maximum allowed size")]
    EntityTooLarge { size: u64, maximum: u64 },
    #[error("The {algorithm} you specified did not match the calculated checksum.")]
    BadChecksum { algorithm: Algorithm },
    #[error("The Content-MD5 you specified did not match what we received.")]
    BadContentMd5 { expected: String, calculated: String },
    #[error("The Content-MD5 you specified was invalid.")]
    InvalidDigest { given: String },
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    ContentSha256Mismatch,
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    )]
    ChunkSignatureMismatch,
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    IncompleteBody,
    /// The message names who, what and why where the caller may know, else it is `Access Denied`.
    #[error("{0}")]
    AccessDenied(String),
    #[error("{0}")]
    NotImplemented(String),
    #[error("The bucket is in this state of versioning: {0}")]
    InvalidBucketState(String),
    /// What was to be recorded was overtaken; the same call succeeds when it is made again, as clients do by themselves.
    #[error("Please reduce your request rate.")]
    SlowDown,
    /// The cause goes to the log, where the error meets the edge; the client learns nothing of it.
    #[error("We encountered an internal error. Please try again.")]
    Internal(Arc<str>),
    /// A key or token that proves nobody.
    #[error("{message}")]
    Unauthenticated { code: &'static str, status: u16, message: &'static str, access_key_id: Option<String> },
    #[error("There were headers present in the request which were not signed")]
    HeadersNotSigned { headers: String },
    /// A refusal by the decoder of requests, in its code.
    #[error("{message}")]
    Undecodable { code: String, status: u16, message: String },
    /// An answer of the gateway's guards, with its own code.
    #[error("{}", .0.message)]
    Refused(aws::Error),
}

impl Error {
    /// A fault of ours.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string().into())
    }

    /// Logs a fault of ours; for the one place where an error is handed to a client.
    pub fn log(&self) {
        if let Self::Internal(cause) = self {
            tracing::error!(%cause, "an S3 call failed inside");
        }
    }

    pub fn invalid_argument(name: &'static str, value: impl ToString, message: impl Into<String>) -> Self {
        Self::InvalidArgument { name, value: value.to_string(), message: message.into() }
    }

    pub fn code(&self) -> &str {
        self.kind().0
    }

    pub fn status(&self) -> u16 {
        self.kind().1
    }

    fn kind(&self) -> (&str, u16) {
        match self {
            Self::NoSuchBucket { .. } => ("NoSuchBucket", 404),
            Self::NoSuchKey { .. } | Self::KeyIsDeleted { .. } => ("NoSuchKey", 404),
            Self::NoSuchVersion { .. } => ("NoSuchVersion", 404),
            Self::InvalidVersionId { .. }
            | Self::InvalidArgument { .. }
            | Self::InvalidTag(_)
            | Self::InvalidRequest(_) => (self.code_of_bad_input(), 400),
            Self::IsDeleteMarker { .. } => ("MethodNotAllowed", 405),
            Self::NoSuchUpload { .. } => ("NoSuchUpload", 404),
            Self::NoSuchSetting { code, .. } => (code, 404),
            Self::BucketAlreadyOwnedByYou { .. } => ("BucketAlreadyOwnedByYou", 409),
            Self::BucketAlreadyExists { .. } => ("BucketAlreadyExists", 409),
            Self::BucketNotEmpty { .. } => ("BucketNotEmpty", 409),
            Self::InvalidBucketName { .. } => ("InvalidBucketName", 400),
            Self::IllegalLocationConstraint { .. } => ("IllegalLocationConstraintException", 400),
            Self::InvalidLocationConstraint { .. } => ("InvalidLocationConstraint", 400),
            Self::KeyTooLong { .. } => ("KeyTooLongError", 400),
            Self::MetadataTooLarge { .. } => ("MetadataTooLarge", 400),
            Self::MalformedXml => ("MalformedXML", 400),
            Self::MalformedPolicy(_) => ("MalformedPolicy", 400),
            Self::AclNotSupported => ("AccessControlListNotSupported", 400),
            Self::PreconditionFailed { .. } => ("PreconditionFailed", 412),
            Self::NotModified { .. } => ("NotModified", 304),
            Self::InvalidRange { .. } => ("InvalidRange", 416),
            Self::InvalidPartNumber { .. } => ("InvalidPartNumber", 416),
            Self::InvalidPart { .. } => ("InvalidPart", 400),
            Self::InvalidPartOrder { .. } => ("InvalidPartOrder", 400),
            Self::EntityTooSmall { .. } => ("EntityTooSmall", 400),
            Self::EntityTooLarge { .. } => ("EntityTooLarge", 400),
            Self::BadChecksum { .. } | Self::BadContentMd5 { .. } => ("BadDigest", 400),
            Self::InvalidDigest { .. } => ("InvalidDigest", 400),
            Self::ContentSha256Mismatch => ("XAmzContentSHA256Mismatch", 400),
            Self::ChunkSignatureMismatch => ("SignatureDoesNotMatch", 403),
            Self::IncompleteBody => ("IncompleteBody", 400),
            Self::AccessDenied(_) | Self::HeadersNotSigned { .. } => ("AccessDenied", 403),
            Self::NotImplemented(_) => ("NotImplemented", 501),
            Self::InvalidBucketState(_) => ("InvalidBucketState", 409),
            Self::SlowDown => ("SlowDown", 503),
            Self::Internal(_) => ("InternalError", 500),
            Self::Unauthenticated { code, status, .. } => (code, *status),
            Self::Undecodable { code, status, .. } => (code, *status),
            Self::Refused(error) => (&error.code, error.status),
        }
    }

    fn code_of_bad_input(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::InvalidTag(_) => "InvalidTag",
            _ => "InvalidArgument",
        }
    }

    /// What stands in the error document beside code and message, in order.
    pub fn elements(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoSuchBucket { bucket }
            | Self::NoSuchSetting { bucket, .. }
            | Self::BucketAlreadyOwnedByYou { bucket }
            | Self::BucketAlreadyExists { bucket }
            | Self::BucketNotEmpty { bucket, .. }
            | Self::InvalidBucketName { bucket } => vec![("BucketName", bucket.clone())],
            Self::NoSuchKey { key } | Self::KeyIsDeleted { key, .. } => vec![("Key", key.clone())],
            Self::NoSuchVersion { key, version_id } => {
                vec![("Key", key.clone()), ("VersionId", version_id.clone())]
            }
            Self::InvalidVersionId { version_id } => argument("versionId", version_id),
            Self::InvalidArgument { name, value, .. } => argument(name, value),
            Self::IsDeleteMarker { method, .. } => {
                vec![("Method", (*method).to_owned()), ("ResourceType", "DeleteMarker".to_owned())]
            }
            Self::NoSuchUpload { upload_id } | Self::InvalidPartOrder { upload_id } => {
                vec![("UploadId", upload_id.clone())]
            }
            Self::KeyTooLong { size } => {
                vec![("Size", size.to_string()), ("MaxSizeAllowed", crate::names::LONGEST_KEY.to_string())]
            }
            Self::MetadataTooLarge { size } => {
                vec![
                    ("Size", size.to_string()),
                    ("MaxSizeAllowed", crate::attributes::LARGEST_METADATA.to_string()),
                ]
            }
            Self::PreconditionFailed { condition } => vec![("Condition", (*condition).to_owned())],
            Self::InvalidRange { requested, size } => {
                vec![("RangeRequested", requested.clone()), ("ActualObjectSize", size.to_string())]
            }
            Self::InvalidPartNumber { requested, parts } => {
                vec![("PartNumberRequested", requested.to_string()), ("ActualPartCount", parts.to_string())]
            }
            Self::InvalidPart { upload_id, part_number, etag } => vec![
                ("UploadId", upload_id.clone()),
                ("PartNumber", part_number.to_string()),
                ("ETag", etag.clone()),
            ],
            Self::EntityTooSmall { size, part_number, etag } => vec![
                ("ProposedSize", size.to_string()),
                ("MinSizeAllowed", crate::multipart::SMALLEST_PART.to_string()),
                ("PartNumber", part_number.to_string()),
                ("ETag", etag.clone()),
            ],
            Self::EntityTooLarge { size, maximum } => {
                vec![("ProposedSize", size.to_string()), ("MaxSizeAllowed", maximum.to_string())]
            }
            Self::BadContentMd5 { expected, calculated } => {
                vec![("ExpectedDigest", expected.clone()), ("CalculatedDigest", calculated.clone())]
            }
            Self::HeadersNotSigned { headers } => vec![("HeadersNotSigned", headers.clone())],
            Self::InvalidDigest { given } => vec![("Content-MD5", given.clone())],
            Self::Unauthenticated { access_key_id, .. } => {
                access_key_id.iter().map(|id| ("AWSAccessKeyId", id.clone())).collect()
            }
            Self::InvalidLocationConstraint { constraint } => {
                vec![("LocationConstraint", constraint.clone())]
            }
            Self::IllegalLocationConstraint { .. }
            | Self::InvalidRequest(_)
            | Self::InvalidTag(_)
            | Self::MalformedXml
            | Self::MalformedPolicy(_)
            | Self::AclNotSupported
            | Self::NotModified { .. }
            | Self::BadChecksum { .. }
            | Self::ContentSha256Mismatch
            | Self::ChunkSignatureMismatch
            | Self::IncompleteBody
            | Self::AccessDenied(_)
            | Self::NotImplemented(_)
            | Self::InvalidBucketState(_)
            | Self::SlowDown
            | Self::Internal(_)
            | Self::Undecodable { .. }
            | Self::Refused(_) => Vec::new(),
        }
    }

    /// The response headers that belong to the error.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        match self {
            Self::KeyIsDeleted { version_id, .. } => {
                set("x-amz-delete-marker", "true");
                set("x-amz-version-id", version_id);
            }
            Self::IsDeleteMarker { version_id, .. } => {
                set("x-amz-delete-marker", "true");
                set("x-amz-version-id", version_id);
                set("allow", "DELETE");
            }
            Self::NotModified { etag } => set("etag", &format!("\"{etag}\"")),
            Self::InvalidRange { size, .. } => set("content-range", &format!("bytes */{size}")),
            _ => {}
        }
        headers
    }
}

fn argument(name: &str, value: &str) -> Vec<(&'static str, String)> {
    vec![("ArgumentName", name.to_owned()), ("ArgumentValue", value.to_owned())]
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::internal(error)
    }
}

impl From<blob::Error> for Error {
    fn from(error: blob::Error) -> Self {
        Self::internal(error)
    }
}

impl From<NamingError> for Error {
    fn from(error: NamingError) -> Self {
        match error {
            NamingError::Collected(_) | NamingError::Late(_) => Self::SlowDown,
            NamingError::Store(error) => error.into(),
        }
    }
}

impl From<Error> for aws::Error {
    fn from(error: Error) -> Self {
        error.log();
        let wire = Self::new(error.code().to_owned(), error.to_string()).with_status(error.status());
        error.elements().into_iter().fold(wire, |wire, (name, value)| wire.with_member(name, value))
    }
}
