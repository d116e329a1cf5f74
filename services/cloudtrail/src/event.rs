//! The form of a record. Source: CloudTrail User Guide, "CloudTrail record contents" and "userIdentity element".

use aws::{AuditRecord, Caller, Principal};
use serde_json::{Map, Value, json};

const EVENT_VERSION: &str = "1.11";
/// Larger requests and answers are left out, as the service does.
const LARGEST_ELEMENT_BYTES: usize = 100 * 1024;

/// The record of one call, as JSON.
pub fn event(record: &AuditRecord, event_id: &str, is_management: bool) -> Value {
    let ctx = &record.ctx;
    let mut event = json!({
        "eventVersion": EVENT_VERSION,
        "userIdentity": user_identity(&ctx.caller, ctx.invoked_by.as_deref()),
        "eventTime": ctx.now().to_iso8601_secs(),
        "eventSource": record.event_source,
        "eventName": record.event_name,
        "awsRegion": ctx.scope.region,
        "sourceIPAddress": source(record),
        "userAgent": ctx.user_agent,
        "requestParameters": bounded(&record.request_parameters),
        "responseElements": bounded(&record.response_elements),
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
        event["errorMessage"] = Value::String(error.message.clone());
    }
    if !record.resources.is_empty() {
        let account = ctx.scope.account.as_str();
        event["resources"] = record.resources.iter().map(|arn| json!({"accountId": account, "ARN": arn})).collect();
    }
    event
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

fn bounded(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Object(members) if members.is_empty() => Value::Null,
        _ if value.to_string().len() > LARGEST_ELEMENT_BYTES => Value::Null,
        _ => value.clone(),
    }
}
