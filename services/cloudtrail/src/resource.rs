//! What an ARN names, in CloudTrail's words.

/// The type of the resource, where it is known: `AWS::IAM::Role`.
pub fn resource_type(arn: &str) -> Option<&'static str> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, resource) = (parts.next()?, parts.nth(2)?);
    let kind = resource.split(['/', ':']).next().unwrap_or(resource);
    Some(match (service, kind) {
        ("iam", "user") => "AWS::IAM::User",
        ("iam", "group") => "AWS::IAM::Group",
        ("iam", "role") => "AWS::IAM::Role",
        ("iam", "policy") => "AWS::IAM::Policy",
        ("iam", "instance-profile") => "AWS::IAM::InstanceProfile",
        ("s3", _) if resource.contains('/') => "AWS::S3::Object",
        ("s3", _) => "AWS::S3::Bucket",
        ("codepipeline", "webhook") => "AWS::CodePipeline::Webhook",
        ("codepipeline", "actiontype") => "AWS::CodePipeline::CustomActionType",
        ("codepipeline", _) => "AWS::CodePipeline::Pipeline",
        ("codebuild", "project") => "AWS::CodeBuild::Project",
        ("codebuild", "report-group") => "AWS::CodeBuild::ReportGroup",
        ("codecommit", _) => "AWS::CodeCommit::Repository",
        ("codeartifact", "domain") => "AWS::CodeArtifact::Domain",
        ("codeartifact", "repository") => "AWS::CodeArtifact::Repository",
        ("logs", "log-group") => "AWS::Logs::LogGroup",
        ("lambda", "function") => "AWS::Lambda::Function",
        ("sns", _) => "AWS::SNS::Topic",
        ("sqs", _) => "AWS::SQS::Queue",
        _ => return None,
    })
}

/// The name by which people know the resource: what follows the last `/` or `:`. Of an object of S3 it is the key.
pub fn short_name(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').last().unwrap_or(arn);
    if arn.contains(":s3:::") {
        return resource.split_once('/').map_or(resource, |(_, key)| key);
    }
    // A log group's resource ends with the stream, which may be empty; its own name has slashes.
    if let Some(group) = resource.strip_prefix("log-group:") {
        return group.split(":log-stream:").next().unwrap_or(group);
    }
    resource.rsplit(['/', ':']).next().unwrap_or(resource)
}

/// Calls on objects of S3 are data events; all others are management events.
pub fn is_object(arn: &str) -> bool {
    arn.split_once(":s3:::").is_some_and(|(_, rest)| rest.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_names() {
        for (arn, expected_type, expected_name) in [
            ("arn:aws:iam::123456789012:role/team/build", Some("AWS::IAM::Role"), "build"),
            ("arn:aws:s3:::bucket", Some("AWS::S3::Bucket"), "bucket"),
            ("arn:aws:s3:::bucket/a/b", Some("AWS::S3::Object"), "a/b"),
            ("arn:aws:codepipeline:eu-west-1:123456789012:p", Some("AWS::CodePipeline::Pipeline"), "p"),
            ("arn:aws:codebuild:eu-west-1:123456789012:project/p", Some("AWS::CodeBuild::Project"), "p"),
            (
                "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/codebuild/p:log-stream:",
                Some("AWS::Logs::LogGroup"),
                "/aws/codebuild/p",
            ),
            ("arn:aws:other:eu-west-1:123456789012:thing/x", None, "x"),
            ("no arn", None, "no arn"),
        ] {
            assert_eq!(resource_type(arn), expected_type, "{arn}");
            assert_eq!(short_name(arn), expected_name, "{arn}");
        }
        assert!(is_object("arn:aws:s3:::b/k") && !is_object("arn:aws:s3:::b"));
    }
}
