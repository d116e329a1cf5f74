//! A queue's policy: what is checked when one is set, and its statements by label. Its evaluation is the authoriser's.

use serde_json::{Map, Value, json};

use crate::error::Error;

/// In bytes. Source: SQS Developer Guide, "Quotas related to policies".
const LARGEST: usize = 8_192;
/// Actions of one statement, and statements, that AddPermission makes. Source: as above.
const MOST_ACTIONS: usize = 7;
const MOST_STATEMENTS: usize = 20;

/// What AddPermission may grant. Source: SQS API Reference, AddPermission.
const ACTIONS: [&str; 8] = [
    "*",
    "SendMessage",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
    "PurgeQueue",
];

/// Errors: `InvalidAttributeValue`. Whether the authoriser can read it is asked besides.
pub fn check(policy: &str) -> Result<(), Error> {
    let invalid = || Error::InvalidAttributeValue("Policy".to_owned());
    let parsed: Value = serde_json::from_str(policy).map_err(|_| invalid())?;
    let has_statements = match parsed.get("Statement") {
        Some(Value::Array(statements)) => !statements.is_empty(),
        Some(Value::Object(_)) => true,
        Some(_) | None => false,
    };
    if policy.len() <= LARGEST && has_statements { Ok(()) } else { Err(invalid()) }
}

/// Adds a statement for accounts. Errors: `InvalidParameterValue`, `OverLimit`.
pub fn add(
    policy: Option<&str>,
    label: &str,
    accounts: &[String],
    actions: &[String],
    queue_arn: &str,
) -> Result<String, Error> {
    let (mut document, mut statements) = parts(policy, queue_arn);
    if label.is_empty() || label.len() > 80 || !label.bytes().all(is_label_byte) {
        return Err(Error::value(label, "Label", "it must have 1 to 80 alphanumeric characters, - and _."));
    }
    if statements.iter().any(|statement| has_label(statement, label)) {
        return Err(Error::value(label, "Label", "Already exists."));
    }
    if let Some(wrong) = actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
        let reason = "Please refer to the appropriate WSDL for a list of valid actions.";
        return Err(Error::value(wrong, "ActionName", reason));
    }
    let is_account =
        |account: &&String| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(wrong) = accounts.iter().find(|account| !is_account(account)) {
        return Err(Error::value(wrong, "PrincipalId", "Unable to verify."));
    }
    if actions.is_empty() || accounts.is_empty() {
        let missing = if actions.is_empty() { "Actions" } else { "AWSAccountIds" };
        return Err(Error::MissingParameter(missing.to_owned()));
    }
    if actions.len() > MOST_ACTIONS {
        return Err(Error::OverLimit(format!(
            "{} actions were found, maximum allowed is {MOST_ACTIONS}.",
            actions.len()
        )));
    }
    let accounts = accounts.iter().map(|account| format!("arn:aws:iam::{account}:root")).collect();
    let actions = actions.iter().map(|action| format!("SQS:{action}")).collect();
    statements.push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_all(accounts)},
        "Action": one_or_all(actions),
        "Resource": queue_arn,
    }));
    if statements.len() > MOST_STATEMENTS {
        return Err(Error::OverLimit(format!("A policy may have {MOST_STATEMENTS} statements.")));
    }
    document.insert("Statement".to_owned(), Value::Array(statements));
    let text = Value::Object(document).to_string();
    if text.len() > LARGEST {
        return Err(Error::OverLimit(format!("A policy may have {LARGEST} bytes.")));
    }
    Ok(text)
}

/// Takes the statement of a label away; `None` if no statement is left. Errors: `InvalidParameterValue`.
pub fn remove(policy: Option<&str>, label: &str, queue_arn: &str) -> Result<Option<String>, Error> {
    let (mut document, mut statements) = parts(policy, queue_arn);
    let before = statements.len();
    statements.retain(|statement| !has_label(statement, label));
    if statements.len() == before {
        return Err(Error::value(label, "Label", "can't find label on existing policy."));
    }
    if statements.is_empty() {
        return Ok(None);
    }
    document.insert("Statement".to_owned(), Value::Array(statements));
    Ok(Some(Value::Object(document).to_string()))
}

fn parts(policy: Option<&str>, queue_arn: &str) -> (Map<String, Value>, Vec<Value>) {
    let document = policy.and_then(|policy| serde_json::from_str(policy).ok());
    let document: Map<String, Value> = document.unwrap_or_else(|| {
        let id = format!("{queue_arn}/SQSDefaultPolicy");
        Map::from_iter([("Version".to_owned(), json!("2012-10-17")), ("Id".to_owned(), json!(id))])
    });
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    };
    (document, statements)
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn one_or_all(mut texts: Vec<String>) -> Value {
    match texts.len() {
        1 => Value::from(texts.remove(0)),
        _ => Value::from(texts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:123456789012:q";

    #[test]
    fn statements_come_and_go_by_label() {
        let (accounts, actions) = (vec!["111122223333".to_owned()], vec!["SendMessage".to_owned()]);
        let first = add(None, "one", &accounts, &actions, ARN).unwrap();
        check(&first).unwrap();
        assert!(first.contains(r#""AWS":"arn:aws:iam::111122223333:root"},"Action":"SQS:SendMessage""#));
        assert!(add(Some(&first), "one", &accounts, &actions, ARN).is_err());
        assert!(add(None, "two", &["x".to_owned()], &actions, ARN).is_err());
        assert!(add(None, "two", &accounts, &["CreateQueue".to_owned()], ARN).is_err());
        let second = add(Some(&first), "two", &accounts, &actions, ARN).unwrap();
        assert_eq!(remove(Some(&second), "two", ARN).unwrap(), Some(first.clone()));
        assert_eq!(remove(Some(&first), "one", ARN).unwrap(), None);
        assert!(remove(None, "one", ARN).is_err());
    }
}
