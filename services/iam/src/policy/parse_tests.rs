use super::*;
use proptest::prelude::*;

fn refusal(text: &str, kind: Kind) -> String {
    match Document::parse(text, kind) {
        Ok(document) => format!("accepted: {document:?}"),
        Err(MalformedPolicyDocument(message)) => message,
    }
}

/// One statement of an identity policy, in a document around it.
fn around(statement: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#)
}

#[test]
fn identity_policies_refused() {
    for (statement, expected) in [
        (r#"{"Effect":"Allow","Action":"s3:*"}"#, "Policy statement must contain resources."),
        (r#"{"Effect":"Allow","Action":"s3:*","Resource":[]}"#, "Policy statement must contain resources."),
        (r#"{"Effect":"Allow","Resource":"*"}"#, "Policy statement must contain actions."),
        (r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#, "Policy statement must contain actions."),
        (r#"{"Effect":"allow","Action":"s3:*","Resource":"*"}"#, SYNTAX),
        (r#"{"Action":"s3:*","Resource":"*"}"#, SYNTAX),
        (r#"{"Effect":"Allow","Action":"s3:*","NotAction":"s3:*","Resource":"*"}"#, SYNTAX),
        (r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","NotResource":"*"}"#, SYNTAX),
        (r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","resource":"*"}"#, SYNTAX),
        (r#"{"Effect":"Allow","Action":"s3:*","Action":"s3:*","Resource":"*"}"#, SYNTAX),
        (r#"{"Effect":"Allow","Action":3,"Resource":"*"}"#, SYNTAX),
        ("[]", SYNTAX),
        ("[[]]", SYNTAX),
        (r#"{"Effect":"Allow","Action":"GetObject","Resource":"*"}"#, VENDOR),
        (
            r#"{"Effect":"Allow","Action":"s3:Get:Object","Resource":"*"}"#,
            "Actions/Condition can contain only one colon.",
        ),
        (r#"{"Effect":"Allow","Action":"s*:GetObject","Resource":"*"}"#, "Vendor s* is not valid"),
        (
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}"#,
            "Resource bucket must be in ARN format or \"*\".",
        ),
        (
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:awz:s3:::b"}"#,
            "Partition \"awz\" is not valid for resource \"arn:awz:s3:::b\".",
        ),
        (r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3"}"#, LEGACY),
        (
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:eu-west-1::b"}"#,
            "Resource arn:aws:s3:eu-west-1::b can not contain region information.",
        ),
        (
            r#"{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam:eu-west-1:123456789012:role/r"}"#,
            "IAM resource arn:aws:iam:eu-west-1:123456789012:role/r cannot contain region information.",
        ),
        (
            r#"{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}"#,
            "Policy document should not specify a principal.",
        ),
        (
            r#"[{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"a","Effect":"Deny","Action":"s3:*","Resource":"*"}]"#,
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringIs":{"aws:a":"b"}}}"#,
            SYNTAX,
        ),
        (
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"a":"b"}}}"#,
            VENDOR,
        ),
        (
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"DateEquals":{"aws:CurrentTime":"soon"}}}"#,
            LEGACY,
        ),
        (
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:a":{}}}}"#,
            SYNTAX,
        ),
    ] {
        assert_eq!(refusal(&around(statement), Kind::Managed), expected, "{statement}");
    }
    let old = r#"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    assert_eq!(refusal(old, Kind::Managed), "Policy document must be version 2012-10-17 or greater.");
    assert!(Document::parse(old, Kind::Inline).is_ok());
    assert_eq!(refusal("{", Kind::Inline), SYNTAX);
    assert_eq!(refusal("[]", Kind::Inline), SYNTAX);
    assert!(
        refusal(&around(r#"{"Sid":"a b","Effect":"Allow","Action":"s3:*","Resource":"*"}"#), Kind::Managed)
            .starts_with("Statement IDs (SID) must be alpha-numeric.")
    );
}

#[test]
fn trust_policies_refused() {
    let service = r#""Principal":{"Service":"codebuild.amazonaws.com"}"#;
    for (statement, expected) in [
        (r#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#.to_owned(), "Missing required field Principal"),
        (
            format!(r#"{{"Effect":"Allow",{service},"Action":"sts:AssumeRole","Resource":"*"}}"#),
            "Has prohibited field Resource",
        ),
        (
            format!(r#"{{"Effect":"Allow",{service},"Action":"s3:GetObject"}}"#),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            format!(r#"{{"Effect":"Allow",{service},"Action":"*"}}"#),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:user/x"},"Action":"sts:AssumeRole"}"#
                .to_owned(),
            "Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:user/x\"",
        ),
        (
            r#"{"Effect":"Allow","Principal":{"Service":"codebuild.amazon.com"},"Action":"sts:AssumeRole"}"#
                .to_owned(),
            "Invalid principal in policy: \"SERVICE\":\"codebuild.amazon.com\"",
        ),
        (
            format!(r#"{{"Effect":"Allow",{service},"Action":"sts:AssumeRole","Extra":1}}"#),
            "Unknown field Extra",
        ),
    ] {
        assert_eq!(refusal(&around(&statement), Kind::Trust), expected, "{statement}");
    }
    assert_eq!(refusal("{", Kind::Trust), "This policy contains invalid Json");
    assert_eq!(refusal(r#"{"Version":"2012-10-17"}"#, Kind::Trust), "Missing required field Statement");
}

#[test]
fn accepted() {
    for (text, kind) in [
        (r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#, Kind::Managed),
        (
            r#"{"Effect":"Allow","NotAction":["iam:*","organizations:*"],"NotResource":"arn:aws:s3:::b/*"}"#,
            Kind::Managed,
        ),
        (
            r#"{"Effect":"Allow","Action":"iam:PassRole","Resource":["arn:aws:iam::123456789012:role/*","arn:aws:iam::*:r*"]}"#,
            Kind::Managed,
        ),
        (
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":10}}}"#,
            Kind::Inline,
        ),
        (
            r#"{"Effect":"Allow","Principal":{"AWS":["123456789012","*"],"Service":"codebuild.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}"#,
            Kind::Trust,
        ),
        (
            r#"{"Sid":"any text","Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"arn:aws:s3:::b"}"#,
            Kind::Resource,
        ),
    ] {
        let document = Document::parse(&around(text), kind).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(document.statements.len(), 1);
    }
}

#[test]
fn context_keys_are_listed_once_as_written() {
    let text = around(
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*",
            "Condition":{"StringLike":{"s3:prefix":["${aws:UserName}/*"]},"Bool":{"aws:SecureTransport":"true"}}}"#,
    );
    let document = Document::parse(&text, Kind::Inline).expect("valid");
    assert_eq!(document.context_keys(), ["aws:username", "s3:prefix", "aws:SecureTransport"]);
}

proptest! {
    #[test]
    fn any_text_is_accepted_or_refused(text in "\\PC{0,200}") {
        for kind in [Kind::Managed, Kind::Inline, Kind::Trust, Kind::Resource] {
            let _: Result<Document> = Document::parse(&text, kind);
        }
    }

    #[test]
    fn any_values_are_accepted_or_refused(
        action in "\\PC{0,12}", resource in "\\PC{0,20}", operator in "\\PC{0,12}", key in "\\PC{0,12}",
    ) {
        let text = around(&serde_json::json!({
            "Effect": "Allow", "Action": action, "Resource": [format!("arn:aws:iam::{resource}"), resource],
            "Condition": { operator: { key: [true, 1, "x"] } },
        }).to_string());
        let _: Result<Document> = Document::parse(&text, Kind::Inline);
    }
}
