//! A topic's policy: the default one, and what is checked when one is set. Its evaluation is the authoriser's.

use aws::Scope;
use serde_json::{Map, Value, json};

use crate::error::Error;

/// In bytes. Source: SNS quotas.
const LARGEST: usize = 30 * 1024;

/// What policies of topics can be about. Source: SNS Developer Guide, "Amazon SNS policy elements".
const ACTIONS: [&str; 9] = [
    "Publish",
    "Subscribe",
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "ListSubscriptionsByTopic",
    "Receive",
];

/// The policy of a topic that nobody gave one.
pub fn default(scope: &Scope, topic_arn: &str) -> Value {
    let actions = [
        "SNS:GetTopicAttributes",
        "SNS:SetTopicAttributes",
        "SNS:AddPermission",
        "SNS:RemovePermission",
        "SNS:DeleteTopic",
        "SNS:Subscribe",
        "SNS:ListSubscriptionsByTopic",
        "SNS:Publish",
    ];
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": actions,
            "Resource": topic_arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": scope.account.as_str()}},
        }],
    })
}

/// Checks a policy that is to be set; whether the authoriser can read it is asked besides. Errors: `InvalidParameter`.
pub fn check(policy: &str, topic_arn: &str) -> Result<(), Error> {
    let invalid = |reason: &str| Error::InvalidParameter(format!("Policy {reason}"));
    if policy.len() > LARGEST {
        return Err(invalid("Error: the policy is larger than 30 KB"));
    }
    let parsed: Value = serde_json::from_str(policy).map_err(|_| invalid("Error: null"))?;
    let statements = match parsed.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        Some(_) | None => Vec::new(),
    };
    if statements.is_empty() {
        return Err(invalid("Error: the policy has no statements"));
    }
    for statement in statements {
        if statement.get("NotAction").is_some() || statement.get("NotResource").is_some() {
            return Err(invalid("Error: NotAction and NotResource are not supported"));
        }
        let actions = texts(statement.get("Action"));
        if actions.is_empty() || !actions.iter().all(|action| is_ours(action)) {
            return Err(invalid("statement action out of service scope!"));
        }
        let resources = texts(statement.get("Resource"));
        let about_topic = |resource: &&str| {
            let fixed = resource.split(['*', '?']).next().unwrap_or_default();
            *resource == topic_arn || (fixed.len() < resource.len() && topic_arn.starts_with(fixed))
        };
        if resources.is_empty() || !resources.iter().all(about_topic) {
            return Err(invalid("statement resource does not match the topic"));
        }
    }
    Ok(())
}

/// Adds a statement for accounts. Errors: `InvalidParameter`.
pub fn add(
    policy: &str,
    label: &str,
    accounts: &[String],
    actions: &[String],
    topic_arn: &str,
) -> Result<String, Error> {
    let (mut document, mut statements) = parts(policy);
    if statements.iter().any(|statement| statement.get("Sid").and_then(Value::as_str) == Some(label)) {
        return Err(Error::invalid("Statement already exists"));
    }
    if !actions.iter().all(|action| ACTIONS.contains(&action.as_str()) || action == "*") {
        return Err(Error::invalid("Policy statement action out of service scope!"));
    }
    let is_account =
        |account: &&String| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(wrong) = accounts.iter().find(|account| !is_account(account)) {
        return Err(Error::InvalidParameter(format!("Policy statement principal {wrong} is no account")));
    }
    let accounts = accounts.iter().map(|account| format!("arn:aws:iam::{account}:root")).collect();
    let actions = actions.iter().map(|action| format!("SNS:{action}")).collect();
    statements.push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_all(accounts)},
        "Action": one_or_all(actions),
        "Resource": topic_arn,
    }));
    document.insert("Statement".to_owned(), Value::Array(statements));
    let text = Value::Object(document).to_string();
    if text.len() > LARGEST {
        Err(Error::invalid("Policy Error: the policy is larger than 30 KB"))
    } else {
        Ok(text)
    }
}

/// Takes the statement of a label away, if there is one.
pub fn remove(policy: &str, label: &str) -> String {
    let (mut document, mut statements) = parts(policy);
    statements.retain(|statement| statement.get("Sid").and_then(Value::as_str) != Some(label));
    document.insert("Statement".to_owned(), Value::Array(statements));
    Value::Object(document).to_string()
}

fn parts(policy: &str) -> (Map<String, Value>, Vec<Value>) {
    let document: Map<String, Value> = serde_json::from_str(policy).unwrap_or_default();
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    };
    (document, statements)
}

fn is_ours(action: &str) -> bool {
    let Some((service, name)) = action.split_once(':') else { return action == "*" };
    let fixed = name.split('*').next().unwrap_or_default().to_lowercase();
    let known = |known: &&str| match name.contains('*') {
        true => known.to_lowercase().starts_with(&fixed),
        false => known.eq_ignore_ascii_case(name),
    };
    service.eq_ignore_ascii_case("sns") && ACTIONS.iter().any(known)
}

fn one_or_all(mut texts: Vec<String>) -> Value {
    match texts.len() {
        1 => Value::from(texts.remove(0)),
        _ => Value::from(texts),
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        Some(_) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sns:us-east-1:123456789012:t";

    fn refusal(action: &str, resource: &str) -> String {
        let statement = json!({"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource});
        let policy = json!({"Statement": [statement]}).to_string();
        check(&policy, ARN).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn policies_are_about_the_topic_and_its_actions() {
        assert_eq!(refusal("sns:Publish", ARN), "fine");
        assert_eq!(refusal("SNS:Get*", "arn:aws:sns:*"), "fine");
        assert_eq!(refusal("sns:*", "*"), "fine");
        let scope = "Invalid parameter: Policy statement action out of service scope!";
        assert_eq!(refusal("sqs:SendMessage", ARN), scope);
        assert_eq!(refusal("sns:CreateTopic", ARN), scope);
        assert!(refusal("sns:Publish", "arn:aws:sns:us-east-1:123456789012:other").contains("resource"));
        assert_eq!(check("no", ARN).unwrap_err().to_string(), "Invalid parameter: Policy Error: null");
        assert!(check("{}", ARN).is_err());
    }

    #[test]
    fn statements_come_and_go_by_label() {
        let owner = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let first = default(&owner, ARN).to_string();
        let (accounts, actions) = (vec!["111122223333".to_owned()], vec!["Publish".to_owned()]);
        let second = add(&first, "l", &accounts, &actions, ARN).unwrap();
        assert!(
            second.contains(r#""Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"SNS:Publish""#)
        );
        let again = add(&second, "l", &accounts, &actions, ARN).unwrap_err();
        assert_eq!(again.to_string(), "Invalid parameter: Statement already exists");
        assert!(add(&first, "m", &["x".to_owned()], &actions, ARN).is_err());
        assert!(add(&first, "m", &accounts, &["Fly".to_owned()], ARN).is_err());
        assert_eq!(remove(&second, "l"), first);
    }
}
