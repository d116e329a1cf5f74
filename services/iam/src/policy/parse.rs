//! From text to [`Document`], with AWS's refusals.

use serde_json::{Map, Value};
use thiserror::Error;

use super::arn_pattern::ResourcePattern;
use super::condition::{Condition, Invalid};
use super::document::{ActionPattern, Actions, Document, Effect, Kind, Resources, Statement, Version};
use super::json;
use super::principal::{PrincipalPattern, Principals, is_service};
use super::wildcard::Pattern;

/// A document that IAM refuses; the text is AWS's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct MalformedPolicyDocument(pub String);

type Result<T> = std::result::Result<T, MalformedPolicyDocument>;

const SYNTAX: &str = "Syntax errors in policy.";
const LEGACY: &str = "The policy failed legacy parsing";
const VENDOR: &str = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";

/// Partitions that resources may name.
const PARTITIONS: [&str; 7] =
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"];

/// What may start the sixth part of an IAM resource.
const IAM_RESOURCES: [&str; 14] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
    "assumed-role/",
];

fn refuse<T>(text: impl Into<String>) -> Result<T> {
    Err(MalformedPolicyDocument(text.into()))
}

impl Document {
    /// Parses and compiles a document.
    ///
    /// # Errors
    /// [`MalformedPolicyDocument`] with the text that AWS answers.
    pub fn parse(text: &str, kind: Kind) -> Result<Self> {
        Parser { kind, version: Version::V2008 }.document(text)
    }
}

struct Parser {
    kind: Kind,
    version: Version,
}

impl Parser {
    /// Identity-based policies are refused in general words, trust and resource policies field by field.
    fn has_principals(&self) -> bool {
        match self.kind {
            Kind::Trust | Kind::Resource => true,
            Kind::Managed | Kind::Inline => false,
        }
    }

    fn syntax<T>(&self, precise: impl FnOnce() -> String) -> Result<T> {
        if self.has_principals() { refuse(precise()) } else { refuse(SYNTAX) }
    }

    fn document(mut self, text: &str) -> Result<Document> {
        let Ok(Value::Object(fields)) = json::parse(text) else {
            return self.syntax(|| "This policy contains invalid Json".into());
        };
        self.known_fields(&fields, &["Version", "Id", "Statement"])?;
        self.version = self.version(fields.get("Version"))?;
        let id = self.optional_text(&fields, "Id")?;
        let statements = match fields.get("Statement") {
            Some(Value::Array(list)) if !list.is_empty() => list.iter().collect(),
            Some(single @ Value::Object(_)) => vec![single],
            Some(_) => return refuse(SYNTAX),
            None => return self.syntax(|| "Missing required field Statement".into()),
        };
        let statements: Vec<Statement> =
            statements.into_iter().map(|statement| self.statement(statement)).collect::<Result<_>>()?;
        let mut sids: Vec<_> = statements
            .iter()
            .filter_map(|statement| statement.sid.as_ref())
            .filter(|sid| !sid.is_empty())
            .collect();
        sids.sort();
        if sids.windows(2).any(|pair| pair[0] == pair[1]) {
            return refuse("Statement IDs (SID) in a single policy must be unique.");
        }
        Ok(Document { version: self.version, id, statements })
    }

    fn version(&self, value: Option<&Value>) -> Result<Version> {
        let version = match value {
            None => Version::V2008,
            Some(Value::String(text)) if text == "2008-10-17" => Version::V2008,
            Some(Value::String(text)) if text == "2012-10-17" => Version::V2012,
            Some(Value::String(_)) => {
                return refuse("Policy document must be version 2012-10-17 or greater.");
            }
            Some(_) => return refuse(SYNTAX),
        };
        if version == Version::V2008 && self.kind == Kind::Managed {
            return refuse("Policy document must be version 2012-10-17 or greater.");
        }
        Ok(version)
    }

    fn statement(&self, value: &Value) -> Result<Statement> {
        let Value::Object(fields) = value else { return refuse(SYNTAX) };
        self.known_fields(
            fields,
            &[
                "Sid",
                "Effect",
                "Principal",
                "NotPrincipal",
                "Action",
                "NotAction",
                "Resource",
                "NotResource",
                "Condition",
            ],
        )?;
        let effect = match fields.get("Effect") {
            Some(Value::String(text)) if text == "Allow" => Effect::Allow,
            Some(Value::String(text)) if text == "Deny" => Effect::Deny,
            Some(Value::String(text)) => return self.syntax(|| format!("Invalid effect: {text}")),
            Some(_) => return refuse(SYNTAX),
            None => return self.syntax(|| "Missing required field Effect".into()),
        };
        Ok(Statement {
            sid: self.sid(fields)?,
            effect,
            principals: self.principals(fields, effect)?,
            actions: self.actions(fields)?,
            resources: self.resources(fields)?,
            conditions: self.conditions(fields.get("Condition"))?,
        })
    }

    fn known_fields(&self, fields: &Map<String, Value>, known: &[&str]) -> Result<()> {
        match fields.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => self.syntax(|| format!("Unknown field {name}")),
            None => Ok(()),
        }
    }

    fn optional_text(&self, fields: &Map<String, Value>, name: &str) -> Result<Option<String>> {
        match fields.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => refuse(SYNTAX),
        }
    }

    fn sid(&self, fields: &Map<String, Value>) -> Result<Option<String>> {
        let sid = self.optional_text(fields, "Sid")?;
        let alphanumeric = |text: &String| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // Resource policies may use any characters. Source: IAM User Guide, "IAM JSON policy elements: Sid".
        if self.kind != Kind::Resource && !sid.as_ref().is_none_or(alphanumeric) {
            return refuse(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression \
                 [0-9A-Za-z]*",
            );
        }
        Ok(sid)
    }

    fn principals(&self, fields: &Map<String, Value>, effect: Effect) -> Result<Option<Principals>> {
        let (negated, value) = match (fields.get("Principal"), fields.get("NotPrincipal")) {
            (None, None) if self.has_principals() => return refuse("Missing required field Principal"),
            (None, None) => return Ok(None),
            (Some(_), None) | (None, Some(_)) if !self.has_principals() => {
                return refuse("Policy document should not specify a principal.");
            }
            (Some(value), None) => (false, value),
            (None, Some(value)) => (true, value),
            (Some(_), Some(_)) => return refuse(SYNTAX),
        };
        if negated && effect == Effect::Allow {
            return refuse("Allow with NotPrincipal is not allowed.");
        }
        let mut patterns = Vec::new();
        match value {
            Value::String(text) if text == "*" => patterns.push(PrincipalPattern::Anyone),
            Value::Object(types) if !types.is_empty() => {
                for (principal_type, entries) in types {
                    for entry in texts(entries).ok_or_else(|| MalformedPolicyDocument(SYNTAX.into()))? {
                        patterns.push(principal(principal_type, &entry)?);
                    }
                }
            }
            Value::String(text) => return refuse(format!("Invalid principal in policy: \"{text}\"")),
            _ => return refuse(SYNTAX),
        }
        if patterns.is_empty() {
            return refuse("Missing required field Principal cannot be empty!");
        }
        Ok(Some(Principals { negated, patterns }))
    }

    fn actions(&self, fields: &Map<String, Value>) -> Result<Actions> {
        let (negated, value) = match (fields.get("Action"), fields.get("NotAction")) {
            (Some(value), None) => (false, value),
            (None, Some(value)) => (true, value),
            (Some(_), Some(_)) => return refuse(SYNTAX),
            (None, None) => return refuse("Policy statement must contain actions."),
        };
        let entries = texts(value).ok_or_else(|| MalformedPolicyDocument(SYNTAX.into()))?;
        if entries.is_empty() {
            return refuse("Policy statement must contain actions.");
        }
        let patterns = entries.iter().map(|text| self.action(text)).collect::<Result<_>>()?;
        if self.kind == Kind::Trust && negated {
            return refuse("AssumeRole policy may only specify STS AssumeRole actions.");
        }
        Ok(Actions { negated, patterns })
    }

    fn action(&self, text: &str) -> Result<ActionPattern> {
        let lower = text.to_ascii_lowercase();
        if self.kind == Kind::Trust && !lower.starts_with("sts:") {
            return refuse("AssumeRole policy may only specify STS AssumeRole actions.");
        }
        // `*:*` is widely used and means the same as `*`.
        if lower == "*" || lower == "*:*" {
            return Ok(ActionPattern(Pattern::new("*")));
        }
        let Some((vendor, name)) = lower.split_once(':') else { return refuse(VENDOR) };
        if name.contains(':') {
            return refuse("Actions/Condition can contain only one colon.");
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        if vendor.is_empty() || !vendor.bytes().all(plain) {
            return refuse(format!("Vendor {vendor} is not valid"));
        }
        Ok(ActionPattern(Pattern::new(&lower)))
    }

    fn resources(&self, fields: &Map<String, Value>) -> Result<Resources> {
        let (negated, value) = match (fields.get("Resource"), fields.get("NotResource")) {
            (Some(_), _) if self.kind == Kind::Trust => return refuse("Has prohibited field Resource"),
            (_, Some(_)) if self.kind == Kind::Trust => return refuse("Has prohibited field NotResource"),
            (None, None) if self.kind == Kind::Trust => {
                return Ok(Resources { negated: false, patterns: vec![ResourcePattern::Any] });
            }
            (Some(value), None) => (false, value),
            (None, Some(value)) => (true, value),
            (Some(_), Some(_)) => return refuse(SYNTAX),
            (None, None) => return refuse("Policy statement must contain resources."),
        };
        let entries = texts(value).ok_or_else(|| MalformedPolicyDocument(SYNTAX.into()))?;
        if entries.is_empty() {
            return refuse("Policy statement must contain resources.");
        }
        let patterns = entries.iter().map(|text| self.resource(text)).collect::<Result<_>>()?;
        Ok(Resources { negated, patterns })
    }

    fn resource(&self, text: &str) -> Result<ResourcePattern> {
        if text == "*" {
            return Ok(ResourcePattern::Any);
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        if parts.len() < 2 || parts[0] != "arn" {
            return refuse(format!("Resource {text} must be in ARN format or \"*\"."));
        }
        let partition = parts[1];
        if !PARTITIONS.contains(&partition) && !partition.contains(['*', '?']) {
            return refuse(format!("Partition \"{partition}\" is not valid for resource \"{text}\"."));
        }
        let Some(pattern) = ResourcePattern::new(text, self.version) else { return refuse(LEGACY) };
        let (service, region, resource) = (parts[2], parts[3], parts[5]);
        if service == "iam" && !matches!(region, "" | "*") {
            return refuse(format!("IAM resource {text} cannot contain region information."));
        }
        let wild_or_known = |resource: &str| {
            let fixed = resource.split(['*', '?', '$']).next().unwrap_or_default();
            let open = fixed.len() < resource.len();
            resource == "root"
                || IAM_RESOURCES
                    .iter()
                    .any(|known| resource.starts_with(known) || (open && known.starts_with(fixed)))
        };
        if service == "iam" && !wild_or_known(resource) {
            return refuse(
                "IAM resource path must either be \"*\" or start with user/, federated-user/, role/, group/, \
                 instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, \
                 report/, access-report/.",
            );
        }
        if service == "s3"
            && !matches!(region, "" | "*")
            && self.kind != Kind::Resource
            && !is_s3_regional(resource)
        {
            return refuse(format!("Resource {text} can not contain region information."));
        }
        Ok(pattern)
    }

    fn conditions(&self, value: Option<&Value>) -> Result<Vec<Condition>> {
        let mut conditions = Vec::new();
        let operators = match value {
            None => return Ok(conditions),
            Some(Value::Object(operators)) => operators,
            Some(_) => return refuse(SYNTAX),
        };
        for (operator, keys) in operators {
            let Value::Object(keys) = keys else { return refuse(SYNTAX) };
            for (key, values) in keys {
                if !key.contains(':') {
                    return refuse(VENDOR);
                }
                let values = scalars(values).ok_or_else(|| MalformedPolicyDocument(SYNTAX.into()))?;
                match Condition::new(operator, key, &values, self.version) {
                    Ok(condition) => conditions.push(condition),
                    Err(Invalid::Operator) => {
                        return self.syntax(|| format!("Invalid Condition type : {operator}."));
                    }
                    Err(Invalid::Value) => return refuse(LEGACY),
                }
            }
        }
        Ok(conditions)
    }
}

/// S3 resources that do live in a region.
fn is_s3_regional(resource: &str) -> bool {
    ["accesspoint", "job/", "storage-lens/", "async-request/", "access-grants/"]
        .iter()
        .any(|prefix| resource.starts_with(prefix))
}

fn principal(principal_type: &str, text: &str) -> Result<PrincipalPattern> {
    let pattern = match principal_type {
        "AWS" => PrincipalPattern::aws(text),
        "Service" => is_service(text).then(|| PrincipalPattern::Service(text.to_owned())),
        "Federated" => (!text.is_empty()).then(|| PrincipalPattern::Federated(text.to_owned())),
        "CanonicalUser" => (!text.is_empty()).then(|| PrincipalPattern::CanonicalUser(text.to_owned())),
        _ => None,
    };
    pattern.ok_or_else(|| {
        let name = principal_type.to_uppercase();
        MalformedPolicyDocument(format!("Invalid principal in policy: \"{name}\":\"{text}\""))
    })
}

/// A string or a list of strings.
fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        single => text(single).map(|text| vec![text]),
    }
}

/// A string, number or boolean, or a list of them, as text.
fn scalars(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        single => text(single).map(|text| vec![text]),
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
