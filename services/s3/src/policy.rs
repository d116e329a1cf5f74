//! Bucket policies: what is checked when one is set. Their evaluation is the authoriser's.

use std::net::IpAddr;

use serde_json::Value;

use crate::error::Error;

/// In bytes.
pub const LARGEST: usize = 20 * 1024;

/// Conditions that confine a statement to known callers, so that it is not public.
/// Source: Amazon S3 User Guide, "The meaning of public".
const CONFINING_KEYS: [&str; 12] = [
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourcearn",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourceowner",
    "aws:sourceaccount",
    "aws:sourceip",
    "aws:userid",
    "aws:principalaccount",
    "aws:principalarn",
    "s3:dataaccesspointaccount",
];

/// Checks a policy that is to be set on a bucket. Errors: `MalformedPolicy`, `InvalidRequest`-like wording.
pub fn check(document: &str, bucket_arn: &str) -> Result<(), Error> {
    let malformed = |message: &str| Error::MalformedPolicy(message.to_owned());
    if document.len() > LARGEST {
        return Err(malformed("Policy exceeds the maximum allowed document size."));
    }
    if !document.starts_with('{') {
        return Err(malformed("Policies must be valid JSON and the first byte must be '{'"));
    }
    let policy: Value =
        serde_json::from_str(document).map_err(|_| malformed("This policy contains invalid Json"))?;
    match policy.get("Version").and_then(Value::as_str) {
        None | Some("2012-10-17" | "2008-10-17") => {}
        Some(_) => return Err(malformed("The policy must contain a valid version string")),
    }
    let statements = statements(&policy);
    if statements.is_empty() {
        return Err(malformed("Missing required field Statement"));
    }
    for statement in statements {
        check_statement(statement, bucket_arn)?;
    }
    Ok(())
}

/// Whether a policy lets anybody in.
pub fn is_public(document: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(document) else { return false };
    statements(&policy).into_iter().any(|statement| {
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && (names_everybody(statement.get("Principal")) || statement.get("NotPrincipal").is_some())
            && !is_confined(statement.get("Condition"))
    })
}

fn check_statement(statement: &Value, bucket_arn: &str) -> Result<(), Error> {
    let malformed = |message: &str| Error::MalformedPolicy(message.to_owned());
    let has = |name: &str| statement.get(name).is_some();
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        Some(_) => return Err(malformed("Invalid effect")),
        None => return Err(malformed("Missing required field Effect")),
    }
    if has("Principal") == has("NotPrincipal") {
        return Err(malformed("Missing required field Principal"));
    }
    if has("Action") == has("NotAction") {
        return Err(malformed("Missing required field Action"));
    }
    if has("Resource") == has("NotResource") {
        return Err(malformed("Missing required field Resource"));
    }
    for action in texts(statement.get("Action").or_else(|| statement.get("NotAction"))) {
        if action != "*" && !action.to_lowercase().starts_with("s3:") {
            return Err(malformed("Policy has invalid action"));
        }
    }
    for resource in texts(statement.get("Resource").or_else(|| statement.get("NotResource"))) {
        let of_bucket = resource
            .strip_prefix(bucket_arn)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('*'));
        // A wildcard before the end of the bucket's name may still mean this bucket.
        let may_match =
            resource.split_once(['*', '?']).is_some_and(|(literal, _)| bucket_arn.starts_with(literal));
        if !of_bucket && !may_match {
            return Err(malformed("Policy has invalid resource"));
        }
    }
    Ok(())
}

fn statements(policy: &Value) -> Vec<&Value> {
    match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        Some(_) | None => Vec::new(),
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        Some(_) | None => Vec::new(),
    }
}

fn names_everybody(principal: Option<&Value>) -> bool {
    match principal {
        Some(Value::String(text)) => text == "*",
        Some(Value::Object(kinds)) => texts(kinds.get("AWS")).contains(&"*"),
        Some(_) | None => false,
    }
}

fn is_confined(condition: Option<&Value>) -> bool {
    let Some(Value::Object(operators)) = condition else { return false };
    operators.iter().any(|(operator, keys)| {
        keys.as_object().into_iter().flatten().any(|(key, value)| {
            let values = texts(Some(value));
            CONFINING_KEYS.contains(&key.to_lowercase().as_str())
                && !values.is_empty()
                && values.iter().all(|text| is_fixed(operator, text))
        })
    })
}

/// Whether a condition is met by this value alone, or by few addresses. What is met by its absence, or by all that is
/// different, confines nobody.
fn is_fixed(operator: &str, text: &str) -> bool {
    let operator = operator.to_lowercase();
    match operator.strip_prefix("foranyvalue:").unwrap_or(&operator) {
        "stringequals" | "stringequalsignorecase" | "stringlike" | "arnequals" | "arnlike" => {
            !text.contains(['*', '?']) && !text.contains("${")
        }
        "ipaddress" => is_narrow(text),
        _ => false,
    }
}

/// Source: Amazon S3 User Guide, "The meaning of public": blocks broader than /8 of IPv4 and /32 of IPv6 are public.
fn is_narrow(block: &str) -> bool {
    let (address, length) =
        block.split_once('/').map_or((block, None), |(address, length)| (address, Some(length)));
    let least = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 8,
        Ok(IpAddr::V6(_)) => 32,
        Err(_) => return false,
    };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length >= least))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:s3:::b";

    fn refusal(document: &str) -> String {
        check(document, ARN).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    fn allow(principal: Value, condition: Value) -> String {
        let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::b/*", "Condition": condition});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    }

    #[test]
    fn malformed_policies_are_refused_in_s3s_words() {
        assert_eq!(refusal("no"), "Policies must be valid JSON and the first byte must be '{'");
        assert_eq!(refusal("{no"), "This policy contains invalid Json");
        assert_eq!(refusal("{}"), "Missing required field Statement");
        assert_eq!(refusal(&allow(json!("*"), json!({}))), "fine");
        assert_eq!(
            refusal(&allow(json!("*"), json!({})).replace("s3:::b/*", "s3:::other/*")),
            "Policy has invalid resource"
        );
        assert_eq!(
            refusal(&allow(json!("*"), json!({})).replace("s3:Get", "ec2:Get")),
            "Policy has invalid action"
        );
        assert_eq!(
            refusal(&allow(json!("*"), json!({})).replace("Principal", "Principals")),
            "Missing required field Principal"
        );
    }

    #[test]
    fn a_policy_for_everybody_is_public_unless_confined() {
        assert!(is_public(&allow(json!("*"), json!({}))));
        assert!(is_public(&allow(json!({"AWS": ["*"]}), json!({"Bool": {"aws:SecureTransport": "true"}}))));
        assert!(!is_public(&allow(json!({"AWS": "123456789012"}), json!({}))));
        assert!(!is_public(&allow(
            json!("*"),
            json!({"StringEquals": {"aws:SourceAccount": "123456789012"}})
        )));
        let of = |operator: &str, key: &str, value: &str| {
            is_public(&allow(json!("*"), json!({operator: {key: value}})))
        };
        for (operator, key, value) in [
            ("StringNotEquals", "aws:SourceAccount", "123456789012"),
            ("StringEqualsIfExists", "aws:SourceAccount", "123456789012"),
            ("ForAllValues:StringEquals", "aws:PrincipalOrgPaths", "o-1/r-1/"),
            ("Null", "aws:SourceVpc", "false"),
            ("StringEquals", "aws:UserId", "${aws:userid}"),
            ("StringLike", "aws:PrincipalArn", "arn:aws:iam::*:role/x"),
            ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8"),
            ("IpAddress", "aws:SourceIp", "0.0.0.0/0"),
            ("IpAddress", "aws:SourceIp", "128.0.0.0/1"),
            ("IpAddress", "aws:SourceIp", "::/0"),
        ] {
            assert!(of(operator, key, value), "{operator} {key} {value}");
        }
        for (operator, key, value) in [
            ("ForAnyValue:StringEquals", "aws:PrincipalOrgPaths", "o-1/r-1/"),
            ("ArnLike", "aws:SourceArn", "arn:aws:sns:us-east-1:123456789012:t"),
            ("IpAddress", "aws:SourceIp", "10.0.0.0/8"),
            ("IpAddress", "aws:SourceIp", "192.0.2.1"),
            ("IpAddress", "aws:SourceIp", "2001:db8::/32"),
        ] {
            assert!(!of(operator, key, value), "{operator} {key} {value}");
        }
    }
}
