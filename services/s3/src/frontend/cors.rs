//! Calls from browsers of other origins, under the bucket's rules.
//! Source: Amazon S3 User Guide, "How does CORS work in Amazon S3?".

use aws::http::{self as wire, Response};
use http::{HeaderMap, HeaderValue, Method, header};
use s3s::dto::{CORSConfiguration, CORSRule};

use crate::S3;
use crate::error::Error;
use crate::records::Setting;
use crate::settings;

/// What a browser says of the page that calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    origin: String,
    method: Option<String>,
    headers: Vec<String>,
}

impl Asked {
    /// `None` where the request names no origin.
    pub fn of(headers: &HeaderMap, method: &Method) -> Option<Self> {
        let text = |name: header::HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
        let method = if method == Method::OPTIONS {
            text(header::ACCESS_CONTROL_REQUEST_METHOD)
        } else {
            Some(method.as_str().to_owned())
        };
        let asked = text(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        let headers = asked.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
        Some(Self { origin: text(header::ORIGIN)?, method, headers: headers.collect() })
    }
}

/// Answers a browser that asks beforehand.
pub async fn preflight(s3: &S3, bucket: Option<String>, asked: Option<Asked>) -> Result<Response, Error> {
    let bad = |message: &str| refusal("BadRequest", 400, message);
    let asked = asked.ok_or_else(|| bad("Insufficient information. Origin request header needed."))?;
    if asked.method.is_none() {
        return Err(bad("Invalid Access-Control-Request-Method: null"));
    }
    let bucket = bucket.ok_or_else(|| bad("A bucket is needed."))?;
    let rules = rules(s3, &bucket).await?.ok_or_else(|| {
        refusal("AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket.")
    })?;
    let rule = matching(&rules, &asked).ok_or_else(|| {
        refusal(
            "AccessForbidden",
            403,
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request \
             method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the \
             resource's CORS spec.",
        )
    })?;
    let mut response = Response::new(wire::empty());
    set_headers(rule, &asked, response.headers_mut());
    let mut set = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    if !asked.headers.is_empty() {
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, &asked.headers.join(", "));
    }
    if let Some(seconds) = rule.max_age_seconds {
        set(header::ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
    }
    Ok(response)
}

/// Lets the page read an answer, where a rule of the bucket says so.
pub async fn allow(s3: &S3, bucket: Option<String>, asked: &Asked, headers: &mut HeaderMap) {
    let Some(bucket) = bucket else { return };
    // A bucket that is not there has no rules; the answer says already that it is not.
    if let Ok(Some(rules)) = rules(s3, &bucket).await
        && let Some(rule) = matching(&rules, asked)
    {
        set_headers(rule, asked, headers);
    }
}

async fn rules(s3: &S3, bucket: &str) -> Result<Option<Vec<CORSRule>>, Error> {
    let bucket = s3.bucket(bucket).await?;
    let configuration: Option<CORSConfiguration> = settings::of(&bucket, Setting::Cors)?;
    Ok(configuration.map(|configuration| configuration.cors_rules))
}

fn matching<'r>(rules: &'r [CORSRule], asked: &Asked) -> Option<&'r CORSRule> {
    rules.iter().find(|rule| {
        let allowed = rule.allowed_headers.as_deref().unwrap_or_default();
        rule.allowed_origins.iter().any(|pattern| fits(pattern, &asked.origin))
            && rule.allowed_methods.iter().any(|method| Some(method) == asked.method.as_ref())
            && asked
                .headers
                .iter()
                .all(|name| allowed.iter().any(|pattern| fits(&pattern.to_lowercase(), name)))
    })
}

/// A pattern holds at most one `*`.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            text.len() >= before.len() + after.len() && text.starts_with(before) && text.ends_with(after)
        }
    }
}

fn set_headers(rule: &CORSRule, asked: &Asked, headers: &mut HeaderMap) {
    let mut set = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    if rule.allowed_origins.iter().any(|origin| origin == "*") {
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    } else {
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, &asked.origin);
        set(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    }
    set(header::ACCESS_CONTROL_ALLOW_METHODS, &rule.allowed_methods.join(", "));
    if let Some(exposed) = rule.expose_headers.as_ref().filter(|exposed| !exposed.is_empty()) {
        set(header::ACCESS_CONTROL_EXPOSE_HEADERS, &exposed.join(", "));
    }
    set(header::VARY, "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}

fn refusal(code: &str, status: u16, message: &str) -> Error {
    Error::Undecodable { code: code.to_owned(), status, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> CORSRule {
        CORSRule {
            allowed_origins: vec!["https://*.example.com".to_owned()],
            allowed_methods: vec!["GET".to_owned()],
            allowed_headers: Some(vec!["x-amz-*".to_owned()]),
            expose_headers: None,
            id: None,
            max_age_seconds: None,
        }
    }

    fn asked(origin: &str, method: &str, headers: &[&str]) -> Asked {
        Asked {
            origin: origin.to_owned(),
            method: Some(method.to_owned()),
            headers: headers.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn origin_method_and_headers_must_fit() {
        let rules = [rule()];
        assert!(matching(&rules, &asked("https://a.example.com", "GET", &["x-amz-date"])).is_some());
        assert!(matching(&rules, &asked("https://example.com", "GET", &[])).is_none());
        assert!(matching(&rules, &asked("https://a.example.com", "PUT", &[])).is_none());
        assert!(matching(&rules, &asked("https://a.example.com", "GET", &["authorization"])).is_none());
    }

    #[test]
    fn the_named_origin_may_send_credentials() {
        let mut headers = HeaderMap::new();
        set_headers(&rule(), &asked("https://a.example.com", "GET", &[]), &mut headers);
        assert_eq!(headers["access-control-allow-origin"], "https://a.example.com");
        assert_eq!(headers["access-control-allow-credentials"], "true");
    }
}
