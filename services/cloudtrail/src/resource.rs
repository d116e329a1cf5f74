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
        ("s3", _) if resource.contains('/') => OBJECT,
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
        ("sns", _) => TOPIC,
        ("sqs", _) => QUEUE,
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

/// Types of data events, as selectors name them.
pub const OBJECT: &str = "AWS::S3::Object";
pub const QUEUE: &str = "AWS::SQS::Queue";
pub const TOPIC: &str = "AWS::SNS::Topic";

/// Calls with messages. Source: SQS Developer Guide, "Logging Amazon SQS API calls using AWS CloudTrail".
const MESSAGE_CALLS: [&str; 7] = [
    "SendMessage",
    "SendMessageBatch",
    "ReceiveMessage",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
];

/// Source: SNS Developer Guide, "Logging Amazon SNS API calls using CloudTrail".
const PUBLICATIONS: [&str; 2] = ["Publish", "PublishBatch"];

/// What a call has worked with if it is a data event: an object of S3, messages of a queue or of a topic. `None`: it is a
/// management event.
pub fn data_type(event_source: &str, event_name: &str, resources: &[String]) -> Option<&'static str> {
    if resources.iter().any(|arn| is_object(arn)) {
        return Some(OBJECT);
    }
    match event_source {
        "sqs.amazonaws.com" if MESSAGE_CALLS.contains(&event_name) => Some(QUEUE),
        "sns.amazonaws.com" if PUBLICATIONS.contains(&event_name) => Some(TOPIC),
        _ => None,
    }
}

fn is_object(arn: &str) -> bool {
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
    }

    #[test]
    fn data_events_are_about_objects_and_messages() {
        let kind = |source: &str, name: &str, arn: &str| data_type(source, name, &[arn.to_owned()]);
        assert_eq!(kind("s3.amazonaws.com", "GetObject", "arn:aws:s3:::b/k"), Some(OBJECT));
        assert_eq!(kind("s3.amazonaws.com", "CreateBucket", "arn:aws:s3:::b"), None);
        let queue = "arn:aws:sqs:eu-west-1:123456789012:q";
        assert_eq!(kind("sqs.amazonaws.com", "ReceiveMessage", queue), Some(QUEUE));
        assert_eq!(kind("sqs.amazonaws.com", "CreateQueue", queue), None);
        let topic = "arn:aws:sns:eu-west-1:123456789012:t";
        assert_eq!(kind("sns.amazonaws.com", "PublishBatch", topic), Some(TOPIC));
        assert_eq!(kind("sns.amazonaws.com", "Subscribe", topic), None);
    }
}
