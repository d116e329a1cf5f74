//! Filter policies: which messages a subscription wants. They are event patterns, with bounds and wording of SNS's own.
//! Source: SNS Developer Guide, "Amazon SNS subscription filter policies" and "Filter policy constraints".

use pattern::{Flattened, Pattern};
use serde_json::{Map, Number, Value};

use crate::error::Error;
use crate::records::{Attribute, FilterScope, Message, Subscription};

const MOST_KEYS: usize = 5;
const MOST_COMBINATIONS: usize = 150;
const LARGEST_BYTES: usize = 256 * 1024;

/// Checks a policy that is to be set. `from` is what the message begins with: `Attributes Reason: ` where it came with
/// others. Errors: `InvalidParameter`.
pub fn check(policy: &str, scope: FilterScope, from: &str) -> Result<(), Error> {
    let refuse = |reason: &str| Err(Error::InvalidParameter(format!("{from}FilterPolicy: {reason}")));
    if policy.len() > LARGEST_BYTES {
        return refuse("Filter policy is larger than 256 KB");
    }
    let parsed: Value = match serde_json::from_str(policy) {
        Ok(parsed) => parsed,
        Err(_) => return refuse("failed to parse JSON."),
    };
    let Value::Object(keys) = &parsed else { return refuse("failed to parse JSON.") };
    // Everything is wanted, as without a policy.
    if keys.is_empty() {
        return Ok(());
    }
    if scope == FilterScope::MessageAttributes && is_nested(keys) {
        return refuse("Filter policy scope MessageAttributes does not support nested filter policy");
    }
    if let Err(problem) = Pattern::parse(policy) {
        return refuse(&problem.described(policy));
    }
    if keys.len() > MOST_KEYS {
        return refuse("Filter policy can not have more than 5 keys");
    }
    if combinations(&parsed, 1) > MOST_COMBINATIONS {
        return refuse("Filter policy is too complex");
    }
    Ok(())
}

/// Whether a subscription wants a message; one whose policy cannot be read wants nothing.
pub fn wants(subscription: &Subscription, message: &Message) -> bool {
    let Some(policy) = &subscription.filter_policy else { return true };
    if is_empty(policy) {
        return true;
    }
    let Ok(pattern) = Pattern::parse(policy) else { return false };
    let document = match subscription.filter_scope {
        FilterScope::MessageAttributes => Value::Object(
            message
                .attributes
                .iter()
                .filter_map(|(name, attribute)| Some((name.clone(), seen(attribute)?)))
                .collect(),
        ),
        FilterScope::MessageBody => {
            match serde_json::from_str(message.text_for(subscription.protocol.as_str())) {
                Ok(body @ Value::Object(_)) => body,
                Ok(_) | Err(_) => return false,
            }
        }
    };
    pattern.matches(&Flattened::of(&document))
}

fn is_empty(policy: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(policy).is_ok_and(|keys| keys.is_empty())
}

/// An attribute as policies see it; `None` for what they do not look at.
fn seen(attribute: &Attribute) -> Option<Value> {
    let kind = attribute.data_type.as_str();
    if kind == "String.Array" {
        return serde_json::from_str(&attribute.value).ok();
    }
    match kind.split('.').next() {
        Some("Number") => attribute.value.parse::<Number>().ok().map(Value::Number),
        Some("String") => Some(Value::from(attribute.value.as_str())),
        _ => None,
    }
}

/// `$or` joins policies; what is in them is no deeper for it.
fn is_nested(keys: &Map<String, Value>) -> bool {
    keys.iter().any(|(name, value)| match value {
        Value::Object(_) => true,
        Value::Array(parts) if name == "$or" => {
            parts.iter().any(|part| part.as_object().is_some_and(is_nested))
        }
        _ => false,
    })
}

/// The product of the numbers of values, each times how deep its key lies.
fn combinations(value: &Value, depth: usize) -> usize {
    let Value::Object(keys) = value else { return 1 };
    keys.values().fold(1_usize, |product, value| {
        let factor = match value {
            Value::Array(values) => values.len().saturating_mul(depth),
            Value::Object(_) => combinations(value, depth + 1),
            _ => 1,
        };
        product.saturating_mul(factor.max(1))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::records::{Protocol, Status, Text};

    fn refusal(policy: &Value, scope: FilterScope) -> String {
        check(&policy.to_string(), scope, "").map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    fn wants_it(policy: &Value, scope: FilterScope, attributes: &[(&str, &str, &str)], body: &str) -> bool {
        let here = aws::Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let attributes = attributes.iter().map(|(name, data_type, value)| {
            let attribute = Attribute { data_type: (*data_type).to_owned(), value: (*value).to_owned() };
            ((*name).to_owned(), attribute)
        });
        let message = Message {
            id: Uuid::nil(),
            topic_id: Uuid::nil(),
            subject: None,
            text: Text::Same(body.to_owned()),
            attributes: attributes.collect::<BTreeMap<_, _>>(),
            published: Timestamp::default(),
            pending: 0,
            spreading: false,
        };
        let subscription = Subscription {
            id: Uuid::nil(),
            topic_id: Uuid::nil(),
            topic_scope: here,
            topic_name: "t".into(),
            owner: String::new(),
            principal: String::new(),
            protocol: Protocol::Http,
            endpoint: String::new(),
            status: Status::Confirmed,
            token: None,
            confirmed_with_signature: false,
            authenticate_on_unsubscribe: false,
            raw: false,
            filter_policy: Some(policy.to_string()),
            filter_scope: scope,
            delivery_policy: None,
            dead_letter_arn: None,
            created: Timestamp::default(),
        };
        wants(&subscription, &message)
    }

    #[test]
    fn policies_are_bounded() {
        let attributes = FilterScope::MessageAttributes;
        assert_eq!(refusal(&json!({"a": ["x"]}), attributes), "fine");
        assert_eq!(refusal(&json!({}), attributes), "fine");
        assert_eq!(
            refusal(&json!({"a": {"b": ["x"]}}), attributes),
            "Invalid parameter: FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy"
        );
        assert_eq!(refusal(&json!({"a": {"b": ["x"]}}), FilterScope::MessageBody), "fine");
        let six: Map<String, Value> = (0..6).map(|n| (n.to_string(), json!(["x"]))).collect();
        assert_eq!(
            refusal(&Value::Object(six), attributes),
            "Invalid parameter: FilterPolicy: Filter policy can not have more than 5 keys"
        );
        let many: Vec<u32> = (0..13).collect();
        assert_eq!(
            refusal(&json!({"a": many, "b": many}), attributes),
            "Invalid parameter: FilterPolicy: Filter policy is too complex"
        );
        assert!(refusal(&json!({"a": "x"}), attributes).contains("\"a\" must be an object or an array"));
        assert_eq!(refusal(&json!([]), attributes), "Invalid parameter: FilterPolicy: failed to parse JSON.");
    }

    #[test]
    fn attributes_are_compared_by_their_types() {
        let wanted = |policy: Value, attributes: &[(&str, &str, &str)]| {
            wants_it(&policy, FilterScope::MessageAttributes, attributes, "")
        };
        let price = json!({"price": [{"numeric": [">", 10]}]});
        assert!(wanted(price.clone(), &[("price", "Number", "12.5")]));
        assert!(!wanted(price.clone(), &[("price", "String", "12.5")]));
        assert!(!wanted(price, &[("price", "Number", "9")]));
        assert!(wanted(json!({"kind": ["b"]}), &[("kind", "String.Array", r#"["a", "b"]"#)]));
        assert!(wanted(json!({"kind": ["b"]}), &[("kind", "String.custom", "b")]));
        assert!(!wanted(json!({"kind": ["b"]}), &[("kind", "Binary", "b")]));
        assert!(wanted(json!({"kind": [{"exists": false}]}), &[]));
        assert!(wanted(json!({}), &[]));
    }

    #[test]
    fn bodies_are_json_objects() {
        let policy = json!({"detail": {"state": [{"prefix": "FAIL"}]}});
        let wanted = |body: &str| wants_it(&policy, FilterScope::MessageBody, &[], body);
        assert!(wanted(r#"{"detail": {"state": "FAILED"}}"#));
        assert!(!wanted(r#"{"detail": {"state": "SUCCEEDED"}}"#));
        assert!(!wanted("FAILED") && !wanted("[]"));
    }
}
