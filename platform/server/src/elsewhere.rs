//! APIs of AWS's that clients know and that have no service here yet: they answer a clear "not built" instead
//! of "no such thing".

/// Target prefix, signing name, name.
const APIS: &[(&str, &str, &str)] = &[
    ("CodeDeploy_20141006", "codedeploy", "CodeDeploy"),
    ("", "codestar-notifications", "CodeStar Notifications"),
    ("AWSEvents", "events", "EventBridge"),
    ("", "scheduler", "EventBridge Scheduler"),
    ("", "sns", "SNS"),
    ("AmazonSQS", "sqs", "SQS"),
    ("", "cloudformation", "CloudFormation"),
    ("", "elasticbeanstalk", "Elastic Beanstalk"),
    ("AWSStepFunctions", "states", "Step Functions"),
    ("AmazonEC2ContainerRegistry_V20150921", "ecr", "ECR"),
    ("AmazonEC2ContainerServiceV20141113", "ecs", "ECS"),
    ("DeviceFarm_20150623", "devicefarm", "Device Farm"),
    ("", "lambda", "Lambda"),
    ("AmazonSSM", "ssm", "SSM"),
    ("secretsmanager", "secretsmanager", "Secrets Manager"),
    ("TrentService", "kms", "KMS"),
    ("GraniteServiceVersion20100801", "monitoring", "CloudWatch"),
];

pub fn by_target_prefix(prefix: &str) -> Option<&'static str> {
    APIS.iter().find(|(known, _, _)| !known.is_empty() && *known == prefix).map(|(_, _, api)| *api)
}

pub fn by_signing_name(name: &str) -> Option<&'static str> {
    APIS.iter().find(|(_, known, _)| *known == name).map(|(_, _, api)| *api)
}
