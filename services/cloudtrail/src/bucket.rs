//! The bucket of a trail: its policy has to admit CloudTrail.
//! Source: CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail".

use aws::Client;

use crate::error::Error;
use crate::log_file;
use crate::records::Trail;

/// With which files are put; policies ask for it.
pub const ACL: &str = "bucket-owner-full-control";
const LONGEST_PREFIX: usize = 200;

/// Errors: `InvalidBucketName`, `InvalidPrefix`.
pub fn check_names(bucket: &str, prefix: Option<&str>) -> Result<(), Error> {
    let fits = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b));
    if !fits {
        return Err(Error::InvalidBucketName(bucket.to_owned()));
    }
    let is_odd = |prefix: &str| {
        prefix.chars().count() > LONGEST_PREFIX || prefix.starts_with('/') || prefix.ends_with('/')
    };
    if prefix.is_some_and(is_odd) { Err(Error::InvalidPrefix) } else { Ok(()) }
}

/// Whether CloudTrail may read the bucket's ACL and put files, asked on behalf of the trail.
/// Errors: `BucketDoesNotExist`, `InsufficientBucketPolicy`.
pub async fn check_policy(service: &Client, trail: &Trail) -> Result<(), Error> {
    let bucket = &trail.bucket;
    let key = format!("{}probe", log_file::root(trail.prefix.as_deref(), &trail.scope.account));
    service.admits_delivery(bucket, &key, ACL).await.map_err(|error| match &*error.code {
        "NoSuchBucket" => Error::BucketDoesNotExist(bucket.clone()),
        code if code.starts_with("AccessDenied") => Error::InsufficientBucketPolicy(bucket.clone()),
        _ => Error::Passed(error),
    })
}
