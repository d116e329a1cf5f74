//! Filter patterns: which messages are searched for. Pure; a pattern is parsed once and matched often.
//! Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter
//! log events, and Live Tail".

mod fields;
mod json;
mod terms;
mod value;

/// A parsed filter pattern.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Every message.
    All,
    /// Words, phrases and regular expressions anywhere in the message: `ERROR -debug "not found"`.
    Terms(terms::Terms),
    /// Properties of a JSON message: `{ $.level = "error" && $.latency > 100 }`.
    Json(json::Condition),
    /// The blank-separated fields of a message: `[ip, ..., status = 4*]`.
    Fields(fields::Fields),
}

/// What is wrong with a pattern, in words for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter pattern: {0}")]
pub struct InvalidPattern(pub String);

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let trimmed = text.trim();
        // `" "` is the documented way to say "everything" where an empty pattern is not taken.
        if trimmed.is_empty() || trimmed.trim_matches('"').trim().is_empty() {
            return Ok(Self::All);
        }
        match trimmed.chars().next() {
            Some('{') => Ok(Self::Json(json::parse(trimmed)?)),
            Some('[') => Ok(Self::Fields(fields::parse(trimmed)?)),
            Some(_) | None => Ok(Self::Terms(terms::parse(trimmed)?)),
        }
    }

    pub fn matches(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            Self::Terms(terms) => terms.match_message(message),
            Self::Json(condition) => {
                serde_json::from_str(message).is_ok_and(|document| condition.holds(&document))
            }
            Self::Fields(fields) => fields.match_message(message),
        }
    }
}

fn invalid(message: impl Into<String>) -> InvalidPattern {
    InvalidPattern(message.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_pattern_matches_everything() {
        for pattern in ["", " ", "\" \"", "\"\""] {
            assert!(Pattern::parse(pattern).unwrap().matches("anything"), "{pattern:?}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_is_parsed_or_refused(pattern in "\\PC{0,40}", message in "\\PC{0,40}") {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                pattern.matches(&message);
            }
        }

        #[test]
        fn patterns_of_their_own_characters_neither_panic(pattern in r#"[\[{][$.a1="*<>!&|()%, ISNULNOTEXISTS\[\]{}']{0,30}[\]}]"#) {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                pattern.matches("a 1 {\"a\": 1}");
                pattern.matches("{\"a\": [1, {\"a\": null}]}");
            }
        }
    }
}
