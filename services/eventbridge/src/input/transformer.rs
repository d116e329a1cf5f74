//! Input transformers: a template with values of the event.
//!
//! What stands between angle brackets is replaced. How a value is written depends on where it stands: bare in a JSON
//! template it is JSON, inside a text it is plain text. Nothing is escaped, as on AWS: a value with a quote breaks a JSON
//! template, and then nothing is delivered. Source: EventBridge User Guide, "Amazon EventBridge input transformation".

use std::collections::BTreeMap;

use serde_json::Value;

use super::path::Path;

const RESERVED: &str = "aws.events.";

/// A compiled transformer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transformer {
    paths: BTreeMap<String, Path>,
    pieces: Vec<Piece>,
    is_text: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Value { name: String, quoted: bool },
}

/// What is wrong with a transformer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The placeholder's name.
    Placeholder(String),
    /// The name in the map.
    Path(String),
    /// A name in the map that AWS keeps for itself.
    Name(String),
}

/// What a template may say of the circumstances.
pub struct Circumstances<'c> {
    pub rule_arn: &'c str,
    pub rule_name: &'c str,
    /// ISO 8601
    pub ingestion_time: &'c str,
}

impl Transformer {
    /// Errors: the first mistake.
    pub fn parse(paths: &BTreeMap<String, String>, template: &str) -> Result<Self, Mistake> {
        let mut compiled = BTreeMap::new();
        for (name, path) in paths {
            if name.starts_with("AWS.") {
                return Err(Mistake::Name(name.clone()));
            }
            let path = Path::parse(path).ok_or_else(|| Mistake::Path(name.clone()))?;
            compiled.insert(name.clone(), path);
        }
        let pieces = pieces(template);
        let unknown = pieces.iter().find_map(|piece| match piece {
            Piece::Value { name, .. } if !compiled.contains_key(name) && !is_reserved(name) => Some(name),
            _ => None,
        });
        match unknown {
            Some(name) => Err(Mistake::Placeholder(name.clone())),
            None => Ok(Self { paths: compiled, pieces, is_text: template.trim_start().starts_with('"') }),
        }
    }

    /// What the target gets. Errors: the text that would have been sent and is no JSON.
    pub fn apply(&self, event: &Value, circumstances: &Circumstances<'_>) -> Result<String, String> {
        let mut output = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => output.push_str(literal),
                Piece::Value { name, quoted } => {
                    let value = self.value(name, event, circumstances);
                    match (quoted, value) {
                        (_, None) => output.push_str(if *quoted { "" } else { "\"\"" }),
                        (false, Some(value)) => output.push_str(&value.to_string()),
                        (true, Some(Value::String(text))) => output.push_str(&text),
                        (true, Some(value @ (Value::Object(_) | Value::Array(_)))) if self.is_text => {
                            output.push_str(&value.to_string().replace('"', ""));
                        }
                        (true, Some(value)) => output.push_str(&value.to_string()),
                    }
                }
            }
        }
        let is_fit = match self.is_text {
            true => output.lines().filter(|line| !line.trim().is_empty()).all(is_quoted),
            false => serde_json::from_str::<serde::de::IgnoredAny>(&output).is_ok(),
        };
        if is_fit { Ok(output) } else { Err(output) }
    }

    fn value(&self, name: &str, event: &Value, circumstances: &Circumstances<'_>) -> Option<Value> {
        if let Some(path) = self.paths.get(name) {
            return path.of(event).cloned();
        }
        match name.strip_prefix(RESERVED)? {
            "rule-arn" => Some(Value::from(circumstances.rule_arn)),
            "rule-name" => Some(Value::from(circumstances.rule_name)),
            "event.ingestion-time" => Some(Value::from(circumstances.ingestion_time)),
            "event" => Some(without_detail(event)),
            "event.json" => Some(event.clone()),
            _ => None,
        }
    }
}

fn is_reserved(name: &str) -> bool {
    name.strip_prefix(RESERVED).is_some_and(|rest| {
        matches!(rest, "rule-arn" | "rule-name" | "event.ingestion-time" | "event" | "event.json")
    })
}

/// As observed, with this one name spelled in another way than in the event.
fn without_detail(event: &Value) -> Value {
    let members = event.as_object().into_iter().flatten().filter(|(name, _)| *name != "detail");
    let spelled = members.map(|(name, value)| {
        let name = if name == "detail-type" { "detailType" } else { name };
        (name.to_owned(), value.clone())
    });
    Value::Object(spelled.collect())
}

fn pieces(template: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let (mut quoted, mut escaped) = (false, false);
    let mut rest = template;
    while let Some(character) = rest.chars().next() {
        if character == '<'
            && let Some((name, after)) = placeholder(rest)
        {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Value { name: name.to_owned(), quoted });
            rest = after;
            continue;
        }
        if character == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = character == '\\' && !escaped;
        literal.push(character);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

/// `<name>`, and what follows it.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('<')?.split_once('>')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, after))
}

fn is_quoted(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 2 && line.starts_with('"') && line.ends_with('"')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(paths: Value, template: &str) -> Result<String, String> {
        let paths = serde_json::from_value(paths).unwrap();
        let event = json!({
            "id": "1", "detail-type": "t",
            "detail": {"s": "baz", "n": 3, "o": {"acc_id": "0a78", "sf_id": "baz"}, "l": ["ACTIVE", "INACTIVE"]},
        });
        let circumstances =
            Circumstances { rule_arn: "arn:r", rule_name: "r", ingestion_time: "2024-01-02T03:04:05Z" };
        Transformer::parse(&paths, template).unwrap().apply(&event, &circumstances)
    }

    #[test]
    fn bare_values_are_json() {
        let paths = json!({"s": "$.detail.s", "n": "$.detail.n", "o": "$.detail.o", "gone": "$.detail.gone"});
        let output = apply(paths, r#"{"s": <s>, "n": <n>, "o": <o>, "gone": <gone>}"#);
        assert_eq!(
            output.unwrap(),
            r#"{"s": "baz", "n": 3, "o": {"acc_id":"0a78","sf_id":"baz"}, "gone": ""}"#
        );
        assert_eq!(apply(json!({"s": "$.detail.s"}), "<s>").unwrap(), "\"baz\"");
    }

    #[test]
    fn values_in_texts_are_text() {
        let paths = json!({"s": "$.detail.s", "n": "$.detail.n", "o": "$.detail.o", "l": "$.detail.l", "gone": "$.x"});
        assert_eq!(apply(paths.clone(), r#"{"k": "a/<s>/<n>/<gone>"}"#).unwrap(), r#"{"k": "a/baz/3/"}"#);
        assert!(apply(paths.clone(), r#"{"k": "<o>"}"#).is_err(), "an object in a text breaks the JSON");
        assert_eq!(
            apply(paths.clone(), r#""<o> <l>""#).unwrap(),
            r#""{acc_id:0a78,sf_id:baz} [ACTIVE,INACTIVE]""#
        );
        assert_eq!(apply(paths.clone(), "\"one <s>\"\n\"two\"").unwrap(), "\"one baz\"\n\"two\"");
        assert_eq!(apply(paths, "plain <s>"), Err("plain \"baz\"".to_owned()));
    }

    #[test]
    fn reserved_values() {
        let output = apply(
            json!({}),
            r#"{"r": "<aws.events.rule-name>", "a": <aws.events.rule-arn>, "t": <aws.events.event.ingestion-time>, "e": <aws.events.event>}"#,
        );
        assert_eq!(
            output.unwrap(),
            r#"{"r": "r", "a": "arn:r", "t": "2024-01-02T03:04:05Z", "e": {"id":"1","detailType":"t"}}"#
        );
        assert!(apply(json!({}), "<aws.events.event.json>").unwrap().contains("\"detail\":{"));
    }

    #[test]
    fn mistakes() {
        let parse = |paths: Value, template: &str| {
            Transformer::parse(&serde_json::from_value(paths).unwrap(), template).unwrap_err()
        };
        assert_eq!(parse(json!({}), "\"<x>\""), Mistake::Placeholder("x".into()));
        assert_eq!(parse(json!({"x": "detail"}), "<x>"), Mistake::Path("x".into()));
        assert_eq!(parse(json!({"AWS.x": "$"}), "\"\""), Mistake::Name("AWS.x".into()));
    }
}
