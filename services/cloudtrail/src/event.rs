//! The form of a record. Source: CloudTrail User Guide, "CloudTrail record contents" and "userIdentity element".

use std::borrow::Cow;

use aws::protocol::audited::LARGEST_AUDITED_BYTES;
use aws::{AccountId, AuditRecord, Caller, Principal, Region, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::resource::resource_type;

const EVENT_VERSION: &str = "1.11";
/// Longer texts are cut.
const LONGEST_TEXT_BYTES: usize = 1024;
/// What the platform writes in place of a sensitive member's value, and what CloudTrail writes.
const REDACTED: &str = "***";
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
/// Secrets that the models do not mark as sensitive.
const SECRET_MEMBERS: [&str; 2] = ["sessionToken", "authorizationToken"];
/// Services without regions: their events are those of us-east-1.
pub const GLOBAL_SOURCES: [&str; 1] = ["iam.amazonaws.com"];

/// The record of one call as JSON text: written once, when the call ended, and from then on only copied.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventText(Box<RawValue>);

impl EventText {
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for EventText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// The members of a record, in the order in which CloudTrail prints them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    event_version: &'static str,
    user_identity: UserIdentity<'a>,
    event_time: String,
    event_source: &'a str,
    event_name: &'a str,
    aws_region: Region,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: String,
    user_agent: Option<&'a str>,
    request_parameters: Option<Box<RawValue>>,
    response_elements: Option<Box<RawValue>>,
    #[serde(rename = "requestID")]
    request_id: &'a str,
    #[serde(rename = "eventID")]
    event_id: &'a str,
    read_only: bool,
    event_type: &'static str,
    management_event: bool,
    recipient_account_id: &'a AccountId,
    event_category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Resource<'a>>,
}

#[derive(Serialize)]
struct Resource<'a> {
    #[serde(rename = "accountId")]
    account_id: &'a str,
    #[serde(rename = "ARN")]
    arn: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

/// The record of one call that ended now. `resources` are the ARNs it was authorised on.
pub fn event(
    record: &AuditRecord,
    resources: &[String],
    event_id: &str,
    is_management: bool,
    now: Timestamp,
) -> Result<EventText, serde_json::Error> {
    let ctx = &record.ctx;
    let account = &ctx.scope.account;
    let error = record.error.as_ref();
    let event = Event {
        event_version: EVENT_VERSION,
        user_identity: user_identity(&ctx.caller, ctx.invoked_by.as_deref()),
        event_time: now.to_iso8601_secs(),
        event_source: &record.event_source,
        event_name: &record.event_name,
        aws_region: region_of(record),
        source_ip_address: source(record),
        user_agent: ctx.user_agent.as_deref().map(cut),
        request_parameters: element(&record.request_parameters)?,
        response_elements: element(&record.response_elements)?,
        request_id: &record.request_id,
        event_id,
        read_only: record.read_only,
        event_type: "AwsApiCall",
        management_event: is_management,
        recipient_account_id: account,
        event_category: if is_management { "Management" } else { "Data" },
        error_code: error.map(|error| short_code(&error.code)),
        error_message: error.map(|error| cut(&error.message)),
        resources: resources.iter().map(|arn| resource(arn, account.as_str())).collect(),
    };
    serde_json::value::to_raw_value(&event).map(EventText)
}

/// Where the call is recorded.
pub fn region_of(record: &AuditRecord) -> Region {
    let region = record.ctx.scope.region.clone();
    if GLOBAL_SOURCES.contains(&record.event_source.as_str()) {
        return "us-east-1".parse().unwrap_or(region);
    }
    region
}

fn resource<'a>(arn: &'a str, caller_account: &'a str) -> Resource<'a> {
    let in_arn = arn.split(':').nth(4).filter(|account| !account.is_empty());
    Resource { account_id: in_arn.unwrap_or(caller_account), arn, kind: resource_type(arn) }
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

/// Who called, in CloudTrail's words.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_context: Option<SessionContext<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoked_by: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionContext<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    session_issuer: Option<SessionIssuer<'a>>,
    attributes: SessionAttributes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionIssuer<'a> {
    r#type: &'static str,
    principal_id: &'a str,
    arn: Option<String>,
    account_id: &'a AccountId,
    user_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionAttributes {
    creation_date: String,
    mfa_authenticated: &'static str,
}

fn user_identity<'a>(caller: &'a Caller, invoked_by: Option<&'a str>) -> UserIdentity<'a> {
    let principal = &caller.principal;
    let identity = UserIdentity { r#type: identity_type(principal), ..UserIdentity::default() };
    match principal {
        Principal::Service { name } => UserIdentity { invoked_by: Some(name), ..identity },
        Principal::Anonymous => UserIdentity {
            principal_id: Some(String::new()),
            account_id: Some("ANONYMOUS_PRINCIPAL"),
            ..identity
        },
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::AssumedRole { .. }
        | Principal::FederatedUser { .. } => UserIdentity {
            principal_id: Some(principal.user_id()),
            arn: Some(principal.arn()),
            account_id: principal.account().map(AccountId::as_str),
            access_key_id: caller.access_key_id.as_deref(),
            user_name: match principal {
                Principal::User { name, .. } => Some(name.as_str()),
                _ => None,
            },
            session_context: caller
                .session
                .as_ref()
                .map(|session| session_context(principal, session.issued_at)),
            invoked_by,
            ..identity
        },
    }
}

fn session_context(principal: &Principal, issued_at: Timestamp) -> SessionContext<'_> {
    let session_issuer = match principal {
        Principal::AssumedRole { account, role_name, role_id, .. } => Some(SessionIssuer {
            r#type: "Role",
            principal_id: role_id,
            arn: principal.role_arn(),
            account_id: account,
            user_name: role_name,
        }),
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::FederatedUser { .. }
        | Principal::Service { .. }
        | Principal::Anonymous => None,
    };
    let attributes =
        SessionAttributes { creation_date: issued_at.to_iso8601_secs(), mfa_authenticated: "false" };
    SessionContext { session_issuer, attributes }
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

/// Request parameters or response elements as CloudTrail shows them; `None` is shown as null.
fn element(value: &Value) -> Result<Option<Box<RawValue>>, serde_json::Error> {
    if value.is_null() || value.as_object().is_some_and(Map::is_empty) {
        return Ok(None);
    }
    let shown = Shown { value, lower_first: begins_upper_case(value) };
    let text = serde_json::value::to_raw_value(&shown)?;
    Ok(Some(text).filter(|text| text.get().len() <= LARGEST_AUDITED_BYTES))
}

/// Members are named in lower camel case; models such as IAM's name them in upper camel case, all of them.
fn begins_upper_case(value: &Value) -> bool {
    let Value::Object(members) = value else { return false };
    members.keys().all(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
}

/// A value on its way into a record: names in lower camel case where `lower_first` says so, secrets hidden.
struct Shown<'a> {
    value: &'a Value,
    lower_first: bool,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = |value| Shown { value, lower_first: self.lower_first };
        match self.value {
            Value::Object(members) => serializer.collect_map(members.iter().map(|(name, value)| {
                let name = if self.lower_first {
                    Cow::Owned(lower_camel(name))
                } else {
                    Cow::Borrowed(name.as_str())
                };
                let is_secret = SECRET_MEMBERS.contains(&&*name);
                (name, if is_secret { Member::Hidden } else { Member::Of(inner(value)) })
            })),
            Value::Array(items) => serializer.collect_seq(items.iter().map(inner)),
            Value::String(text) if text == REDACTED => serializer.serialize_str(HIDDEN),
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {
                self.value.serialize(serializer)
            }
        }
    }
}

/// The value of a member.
enum Member<'a> {
    Hidden,
    Of(Shown<'a>),
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Hidden => serializer.serialize_str(HIDDEN),
            Self::Of(shown) => shown.serialize(serializer),
        }
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
    use serde_json::json;

    use super::*;

    fn element(value: &Value) -> Value {
        let text = super::element(value).expect("a JSON value");
        text.map_or(Value::Null, |text| serde_json::from_str(text.get()).expect("JSON"))
    }

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
        assert_eq!(element(&json!({"a": "x".repeat(LARGEST_AUDITED_BYTES)})), Value::Null);
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
            json!(user_identity(&service, None)),
            json!({"type": "AWSService", "invokedBy": "codepipeline.amazonaws.com"})
        );
        let user =
            Principal::User { account: account(), path: "/".into(), name: "jane".into(), id: "AIDA1".into() };
        let user = Caller { access_key_id: Some("AKIA1".into()), ..Caller::of(user) };
        assert_eq!(
            json!(user_identity(&user, None)),
            json!({
                "type": "IAMUser", "principalId": "AIDA1", "arn": "arn:aws:iam::123456789012:user/jane",
                "accountId": "123456789012", "accessKeyId": "AKIA1", "userName": "jane",
            })
        );
    }
}
