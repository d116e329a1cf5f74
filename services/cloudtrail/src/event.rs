//! The form of a record. Source: CloudTrail User Guide, "CloudTrail record contents" and "userIdentity element".

use aws::{AuditRecord, Caller, Principal, Region, Timestamp};
use serde_json::{Map, Value, json};

use crate::resource::resource_type;

const EVENT_VERSION: &str = "1.11";
/// Larger requests and answers are left out, as the service does.
const LARGEST_ELEMENT_BYTES: usize = 100 * 1024;
/// Longer texts are cut.
const LONGEST_TEXT_BYTES: usize = 1024;
/// What the platform writes in place of a sensitive member's value, and what CloudTrail writes.
const REDACTED: &str = "***";
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
/// Secrets that the models do not mark as sensitive.
const SECRET_MEMBERS: [&str; 2] = ["sessionToken", "authorizationToken"];
/// Services without regions: their events are those of us-east-1.
const GLOBAL_SOURCES: [&str; 1] = ["iam.amazonaws.com"];

/// The record of one call that ended now, as JSON. `resources` are the ARNs it was authorised on.
pub fn event(
    record: &AuditRecord,
    resources: &[String],
    event_id: &str,
    is_management: bool,
    now: Timestamp,
) -> Value {
    let ctx = &record.ctx;
    let mut event = json!({
        "eventVersion": EVENT_VERSION,
        "userIdentity": user_identity(&ctx.caller, ctx.invoked_by.as_deref()),
        "eventTime": now.to_iso8601_secs(),
        "eventSource": record.event_source,
        "eventName": record.event_name,
        "awsRegion": region_of(record),
        "sourceIPAddress": source(record),
        "userAgent": ctx.user_agent.as_deref().map(cut),
        "requestParameters": element(&record.request_parameters),
        "responseElements": element(&record.response_elements),
        "requestID": ctx.request_id.to_string(),
        "eventID": event_id,
        "readOnly": record.read_only,
        "eventType": "AwsApiCall",
        "managementEvent": is_management,
        "recipientAccountId": ctx.scope.account,
        "eventCategory": if is_management { "Management" } else { "Data" },
    });
    if let Some(error) = &record.error {
        event["errorCode"] = Value::String(short_code(&error.code).to_owned());
        event["errorMessage"] = Value::String(cut(&error.message).to_owned());
    }
    if !resources.is_empty() {
        event["resources"] = resources.iter().map(|arn| resource(arn, ctx.scope.account.as_str())).collect();
    }
    event
}

/// Where the call is recorded.
pub fn region_of(record: &AuditRecord) -> Region {
    let region = record.ctx.scope.region.clone();
    if GLOBAL_SOURCES.contains(&record.event_source.as_str()) {
        return "us-east-1".parse().unwrap_or(region);
    }
    region
}

fn resource(arn: &str, caller_account: &str) -> Value {
    let in_arn = arn.split(':').nth(4).filter(|account| !account.is_empty());
    let mut resource = json!({"accountId": in_arn.unwrap_or(caller_account), "ARN": arn});
    if let Some(name) = resource_type(arn) {
        resource["type"] = Value::String(name.to_owned());
    }
    resource
}

/// The name that LookupEvents calls `Username`.
pub fn user_name(caller: &Caller) -> Option<String> {
    match &caller.principal {
        Principal::Root { .. } => Some("root".to_owned()),
        Principal::User { name, .. } | Principal::FederatedUser { name, .. } => Some(name.clone()),
        Principal::AssumedRole { session_name, .. } => Some(session_name.clone()),
        Principal::Service { .. } | Principal::Anonymous => None,
    }
}

/// Calls of one service by another come from the service's name.
fn source(record: &AuditRecord) -> String {
    let ctx = &record.ctx;
    match (ctx.source_ip, &ctx.invoked_by) {
        (Some(ip), _) => ip.to_string(),
        (None, Some(service)) => service.clone(),
        (None, None) => "AWS Internal".to_owned(),
    }
}

fn user_identity(caller: &Caller, invoked_by: Option<&str>) -> Value {
    let mut identity = Map::new();
    let mut put = |key: &str, value: Value| {
        identity.insert(key.to_owned(), value);
    };
    put("type", Value::String(identity_type(&caller.principal).to_owned()));
    match &caller.principal {
        Principal::Service { name } => put("invokedBy", Value::String(name.clone())),
        Principal::Anonymous => {
            put("principalId", Value::String(String::new()));
            put("accountId", Value::String("ANONYMOUS_PRINCIPAL".to_owned()));
        }
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::AssumedRole { .. }
        | Principal::FederatedUser { .. } => {
            put("principalId", Value::String(caller.principal.user_id()));
            put("arn", Value::String(caller.principal.arn()));
            put("accountId", json!(caller.principal.account()));
            if let Some(id) = &caller.access_key_id {
                put("accessKeyId", Value::String(id.clone()));
            }
            if let Principal::User { name, .. } = &caller.principal {
                put("userName", Value::String(name.clone()));
            }
            if let Some(session) = &caller.session {
                put("sessionContext", session_context(&caller.principal, session.issued_at));
            }
            if let Some(service) = invoked_by {
                put("invokedBy", Value::String(service.to_owned()));
            }
        }
    }
    Value::Object(identity)
}

fn session_context(principal: &Principal, issued_at: aws::Timestamp) -> Value {
    let attributes = json!({"creationDate": issued_at.to_iso8601_secs(), "mfaAuthenticated": "false"});
    match principal {
        Principal::AssumedRole { account, role_name, role_id, .. } => json!({
            "sessionIssuer": {
                "type": "Role",
                "principalId": role_id,
                "arn": principal.role_arn(),
                "accountId": account,
                "userName": role_name,
            },
            "attributes": attributes,
        }),
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::FederatedUser { .. }
        | Principal::Service { .. }
        | Principal::Anonymous => json!({"attributes": attributes}),
    }
}

fn identity_type(principal: &Principal) -> &'static str {
    match principal {
        Principal::Root { .. } => "Root",
        Principal::User { .. } => "IAMUser",
        Principal::AssumedRole { .. } => "AssumedRole",
        Principal::FederatedUser { .. } => "FederatedUser",
        Principal::Service { .. } => "AWSService",
        Principal::Anonymous => "AWSAccount",
    }
}

/// Records spell a denial without its suffix.
fn short_code(code: &str) -> &str {
    match code {
        "AccessDeniedException" => "AccessDenied",
        _ => code,
    }
}

/// Request parameters or response elements as CloudTrail shows them.
fn element(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.is_empty() => Value::Null,
        Value::Null => Value::Null,
        _ if value.to_string().len() > LARGEST_ELEMENT_BYTES => Value::Null,
        _ => shown(value, begins_upper_case(value)),
    }
}

/// Members are named in lower camel case; models such as IAM's name them in upper camel case, all of them.
fn begins_upper_case(value: &Value) -> bool {
    let Value::Object(members) = value else { return false };
    members.keys().all(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
}

fn shown(value: &Value, lower_first: bool) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let name = if lower_first { lower_camel(name) } else { name.clone() };
                let is_secret = SECRET_MEMBERS.contains(&name.as_str());
                let value =
                    if is_secret { Value::String(HIDDEN.to_owned()) } else { shown(value, lower_first) };
                (name, value)
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => items.iter().map(|item| shown(item, lower_first)).collect(),
        Value::String(text) if text == REDACTED => Value::String(HIDDEN.to_owned()),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => value.clone(),
    }
}

fn lower_camel(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// At most so many bytes, cut between characters.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_named_in_lower_camel_case_and_secrets_hidden() {
        let upper = json!({"RoleName": "r", "Tags": [{"Key": "Team", "Value": "a"}], "Password": "***"});
        assert_eq!(
            element(&upper),
            json!({"roleName": "r", "tags": [{"key": "Team", "value": "a"}], "password": HIDDEN})
        );
        let issued = json!({"Credentials": {"AccessKeyId": "ASIA", "SessionToken": "secret"}});
        assert_eq!(element(&issued), json!({"credentials": {"accessKeyId": "ASIA", "sessionToken": HIDDEN}}));
        // Keys of maps in services that name members in lower case stay as they are.
        let lower = json!({"name": "p", "configuration": {"ProjectName": "x"}});
        assert_eq!(element(&lower), lower);
        assert_eq!(element(&json!({})), Value::Null);
        assert_eq!(element(&json!({"a": "x".repeat(LARGEST_ELEMENT_BYTES)})), Value::Null);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "ü".repeat(1_000);
        assert_eq!(cut(&text).len(), 1_024);
        assert_eq!(cut(&format!("a{text}")).len(), 1_023);
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn identities() {
        let account = || "123456789012".parse().expect("an account");
        let service = Caller::of(Principal::Service { name: "codepipeline.amazonaws.com".into() });
        assert_eq!(
            user_identity(&service, None),
            json!({"type": "AWSService", "invokedBy": "codepipeline.amazonaws.com"})
        );
        let user =
            Principal::User { account: account(), path: "/".into(), name: "jane".into(), id: "AIDA1".into() };
        let user = Caller { access_key_id: Some("AKIA1".into()), ..Caller::of(user) };
        assert_eq!(
            user_identity(&user, None),
            json!({
                "type": "IAMUser", "principalId": "AIDA1", "arn": "arn:aws:iam::123456789012:user/jane",
                "accountId": "123456789012", "accessKeyId": "AKIA1", "userName": "jane",
            })
        );
    }
}
