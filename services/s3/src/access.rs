//! Which policies are asked for a call, and how a refusal is worded.
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3".

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::{Access, Ctx, Principal, Scope};

use crate::error::Error;
use crate::policy;
use crate::records::Bucket;
use crate::records::bucket::bucket_arn;
use crate::settings;

/// One question to the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// `s3:GetObject`
    pub action: &'static str,
    pub target: Target,
    /// The owner that the caller expects the bucket to have.
    pub expected_owner: Option<String>,
    context: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// For actions that know no resource.
    Any,
    Bucket(String),
    Object {
        bucket: String,
        key: String,
    },
}

impl Question {
    pub fn any(action: &'static str) -> Self {
        Self::new(action, Target::Any)
    }

    pub fn bucket(action: &'static str, bucket: &str) -> Self {
        Self::new(action, Target::Bucket(bucket.to_owned()))
    }

    pub fn object(action: &'static str, bucket: &str, key: &str) -> Self {
        Self::new(action, Target::Object { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// `s3:GetObject`, or its kin for a version by id.
    pub fn version(
        action: &'static str,
        of_version: &'static str,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Self {
        match version_id {
            Some(id) => Self::object(of_version, bucket, key).when("s3:VersionId", Some(id)),
            None => Self::object(action, bucket, key),
        }
    }

    /// Adds a condition key of the request.
    #[must_use]
    pub fn when(mut self, key: &'static str, value: Option<impl ToString>) -> Self {
        self.context.extend(value.map(|value| (key, value.to_string())));
        self
    }

    #[must_use]
    pub fn owned_by(mut self, account: Option<&String>) -> Self {
        self.expected_owner = account.cloned();
        self
    }

    fn new(action: &'static str, target: Target) -> Self {
        Self { action, target, expected_owner: None, context: Vec::new() }
    }

    pub fn bucket_name(&self) -> Option<&str> {
        match &self.target {
            Target::Any => None,
            Target::Bucket(bucket) | Target::Object { bucket, .. } => Some(bucket),
        }
    }

    pub fn arn(&self, partition: &str) -> String {
        match &self.target {
            Target::Any => "*".to_owned(),
            Target::Bucket(bucket) => bucket_arn(partition, bucket),
            Target::Object { bucket, key } => format!("{}/{key}", bucket_arn(partition, bucket)),
        }
    }

    /// The question as the authoriser takes it, with the policy and the owner of the bucket.
    fn access(&self, ctx: &Ctx, bucket: Option<&Bucket>) -> Access {
        let mut access = Access::to(self.arn(&ctx.scope.partition)).action(self.action);
        for (key, value) in &self.context {
            access = access.when(key, value.clone());
        }
        access.resource_account =
            Some(bucket.map_or(&ctx.scope.account, |bucket| &bucket.scope.account).to_string());
        access.resource_policy = bucket
            .filter(|bucket| !ignores_policy(ctx, bucket) && !is_owner_at_policy(ctx, self.action, bucket))
            .and_then(|bucket| Some(Arc::from(bucket.policy.as_ref()?.as_str())));
        access
    }
}

/// The questions of a call as the authoriser takes them. `buckets` are those of the questions that exist.
/// Errors: `AccessDenied` where a bucket has another owner than the caller expects.
pub fn accesses(
    ctx: &Ctx,
    questions: &[Question],
    buckets: &BTreeMap<String, Bucket>,
) -> Result<Vec<Access>, Error> {
    let mut accesses = Vec::new();
    for question in questions {
        let bucket = question.bucket_name().and_then(|name| buckets.get(name));
        if let (Some(expected), Some(bucket)) = (&question.expected_owner, bucket)
            && expected != bucket.scope.account.as_str()
        {
            return Err(Error::AccessDenied("Access Denied".to_owned()));
        }
        accesses.push(question.access(ctx, bucket));
    }
    Ok(accesses)
}

/// A refusal in S3's words: within the account it tells who, what and why, with the resource in quotes; strangers
/// learn nothing.
pub fn refusal(ctx: &Ctx, error: aws::Error, owner: Option<&Scope>) -> Error {
    if !error.code.starts_with("AccessDenied") {
        return if error.is_fault() { Error::internal(error) } else { Error::Refused(error) };
    }
    let own = match (ctx.caller.principal.account(), owner) {
        (Some(account), Some(owner)) => *account == owner.account,
        (Some(_), None) => true,
        (None, _) => matches!(ctx.caller.principal, Principal::Service { .. }),
    };
    Error::AccessDenied(if own { quoted_resource(&error.message) } else { "Access Denied".to_owned() })
}

/// A policy that makes a bucket public counts for nobody outside the account where that is restricted.
fn ignores_policy(ctx: &Ctx, bucket: &Bucket) -> bool {
    let outside = ctx.caller.principal.account() != Some(&bucket.scope.account)
        && !matches!(ctx.caller.principal, Principal::Service { .. });
    outside
        && settings::public_access_block(bucket).restrict_public_buckets == Some(true)
        && bucket.policy.as_deref().is_some_and(policy::is_public)
}

/// The root user of the account that owns a bucket can look at its policy, set it and take it away, whatever it says: so
/// nobody is locked out for good. Source: S3 API Reference, DeleteBucketPolicy.
fn is_owner_at_policy(ctx: &Ctx, action: &str, bucket: &Bucket) -> bool {
    ctx.caller.principal.is_root_of(&bucket.scope.account)
        && matches!(action, "s3:GetBucketPolicy" | "s3:PutBucketPolicy" | "s3:DeleteBucketPolicy")
}

fn quoted_resource(message: &str) -> String {
    const MARK: &str = "on resource: ";
    let Some((before, after)) = message.split_once(MARK) else { return message.to_owned() };
    if after.starts_with('"') {
        return message.to_owned();
    }
    // A key may hold blanks; what follows the resource begins with one of these.
    let end = [" because no ", " with an explicit deny"].iter().filter_map(|mark| after.find(mark)).min();
    let (resource, rest) = after.split_at(end.unwrap_or(after.len()));
    format!("{before}{MARK}\"{resource}\"{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_stands_in_quotes() {
        assert_eq!(
            quoted_resource(
                "User: u is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/a key because no \
                 identity-based policy allows the s3:GetObject action"
            ),
            "User: u is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/a key\" because no \
             identity-based policy allows the s3:GetObject action"
        );
        assert_eq!(quoted_resource("Access Denied"), "Access Denied");
    }

    #[test]
    fn a_question_names_its_resource() {
        assert_eq!(Question::object("s3:GetObject", "b", "a/b").arn("aws"), "arn:aws:s3:::b/a/b");
        assert_eq!(Question::bucket("s3:ListBucket", "b").arn("aws-cn"), "arn:aws-cn:s3:::b");
        assert_eq!(Question::any("s3:ListAllMyBuckets").arn("aws"), "*");
    }
}
