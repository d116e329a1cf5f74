//! `secret-id:json-key:version-stage:version-id`, how a variable names a secret of Secrets Manager.
//! Source: CodeBuild User Guide, "Build specification reference for CodeBuild", env/secrets-manager.

/// Colons in an ARN of a secret.
const COLONS_OF_ARN: usize = 6;

/// Which value of which secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SecretReference {
    pub version: SecretVersion,
    /// The key of the JSON object that the secret holds; none for all of it.
    pub json_key: Option<String>,
}

/// What is fetched at one time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SecretVersion {
    /// Name or ARN.
    pub secret: String,
    pub stage: Option<String>,
    pub id: Option<String>,
}

/// A reference that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("{0}: expected secret-id:json-key:version-stage:version-id")]
    Form(String),
    #[error("{0}: version-stage and version-id cannot be specified both")]
    StageAndId(String),
}

/// Why a secret does not give the value. No message shows what it holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoValue {
    #[error("the secret {0} holds no text")]
    Binary(String),
    #[error("the secret {0} is no JSON object, so it has no key {1}")]
    NotAnObject(String, String),
    #[error("the secret {0} has no key {1}")]
    NoKey(String, String),
    #[error("the secret {0} holds a NUL character, which no environment variable can have")]
    Nul(String),
}

impl SecretReference {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let colons = if text.starts_with("arn:") { COLONS_OF_ARN } else { 0 };
        let end = text.match_indices(':').nth(colons).map_or(text.len(), |(at, _)| at);
        let (secret, rest) = text.split_at(end);
        let parts: Vec<&str> = rest.split(':').skip(1).collect();
        if secret.is_empty() || parts.len() > 3 {
            return Err(Invalid::Form(text.to_owned()));
        }
        let part =
            |index: usize| parts.get(index).filter(|part| !part.is_empty()).map(|&part| part.to_owned());
        let (json_key, stage, id) = (part(0), part(1), part(2));
        if stage.is_some() && id.is_some() {
            return Err(Invalid::StageAndId(text.to_owned()));
        }
        Ok(Self { version: SecretVersion { secret: secret.to_owned(), stage, id }, json_key })
    }

    /// The value in what the secret holds; `None` stands for bytes.
    pub fn value(&self, content: Option<&str>) -> Result<String, NoValue> {
        let secret = || self.version.secret.clone();
        let text = content.ok_or_else(|| NoValue::Binary(secret()))?;
        let value = match &self.json_key {
            None => text.to_owned(),
            Some(key) => {
                let parsed: Result<serde_json::Map<String, serde_json::Value>, _> =
                    serde_json::from_str(text);
                let object = parsed.map_err(|_| NoValue::NotAnObject(secret(), key.clone()))?;
                match object.get(key).ok_or_else(|| NoValue::NoKey(secret(), key.clone()))? {
                    serde_json::Value::String(value) => value.clone(),
                    other => other.to_string(),
                }
            }
        };
        if value.contains('\0') { Err(NoValue::Nul(secret())) } else { Ok(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/login-AbCdEf";

    fn parts(text: &str) -> (String, Option<String>, Option<String>, Option<String>) {
        let SecretReference { version, json_key } = SecretReference::parse(text).unwrap();
        (version.secret, json_key, version.stage, version.id)
    }

    #[test]
    fn parts_may_be_left_out() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parts("app"), ("app".into(), None, None, None));
        assert_eq!(parts("app:::"), ("app".into(), None, None, None));
        assert_eq!(parts("app:user"), ("app".into(), some("user"), None, None));
        assert_eq!(parts("app::AWSPREVIOUS"), ("app".into(), None, some("AWSPREVIOUS"), None));
        assert_eq!(parts("app:user::id"), ("app".into(), some("user"), None, some("id")));
        assert_eq!(parts(ARN), (ARN.into(), None, None, None));
        assert_eq!(parts(&format!("{ARN}:user:S")), (ARN.into(), some("user"), some("S"), None));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        assert!(matches!(SecretReference::parse("app:k:S:id"), Err(Invalid::StageAndId(_))));
        for text in ["", ":k", "app:k:S::x", &format!("{ARN}:::::")] {
            assert!(matches!(SecretReference::parse(text), Err(Invalid::Form(_))), "{text}");
        }
    }

    #[test]
    fn a_key_picks_a_value_of_an_object() {
        let value = |reference: &str, content| SecretReference::parse(reference).unwrap().value(content);
        let object = Some(r#"{"user": "ann", "port": 5432}"#);
        assert_eq!(value("s", Some("text")), Ok("text".into()));
        assert_eq!(value("s:user", object), Ok("ann".into()));
        assert_eq!(value("s:port", object), Ok("5432".into()));
        assert_eq!(value("s:none", object), Err(NoValue::NoKey("s".into(), "none".into())));
        assert_eq!(value("s:user", Some("text")), Err(NoValue::NotAnObject("s".into(), "user".into())));
        assert_eq!(value("s", None), Err(NoValue::Binary("s".into())));
        assert_eq!(value("s", Some("a\0b")), Err(NoValue::Nul("s".into())));
    }
}
