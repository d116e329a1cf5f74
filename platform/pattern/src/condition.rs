//! What a pattern can ask of one value.

use std::fmt;
use std::net::IpAddr;

use serde_json::Value;

use super::cidr::Cidr;
use super::wildcard::Wildcard;

/// One member of a pattern's list. The value of a field that satisfies one of the list satisfies the field.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Exact(Literal),
    EqualsIgnoreCase(String),
    Affix {
        end: End,
        ignore_case: bool,
        text: String,
    },
    Wildcard {
        text: String,
        wildcard: Wildcard,
    },
    /// Satisfied by every value that is none of these.
    AnythingBut(Vec<Literal>),
    /// Satisfied by every value that satisfies none of these, which share one operator.
    AnythingButLike(Vec<Condition>),
    Numeric(Range),
    Cidr {
        text: String,
        block: Cidr,
    },
    /// `false` is satisfied by the absence of the field.
    Exists(bool),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Text(String),
    Number(f64),
    True,
    False,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Prefix,
    Suffix,
}

/// Numbers between two bounds, each `(bound, whether it belongs to the range)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    pub bottom: Option<(f64, bool)>,
    pub top: Option<(f64, bool)>,
}

impl Condition {
    /// Whether a scalar of an event satisfies it.
    pub fn admits(&self, value: &Value) -> bool {
        match self {
            Self::Exact(literal) => literal.is(value),
            Self::EqualsIgnoreCase(text) => {
                value.as_str().is_some_and(|value| same_ignoring_case(text, value))
            }
            Self::Affix { end, ignore_case, text } => {
                value.as_str().is_some_and(|value| has_affix(*end, *ignore_case, text, value))
            }
            Self::Wildcard { wildcard, .. } => value.as_str().is_some_and(|value| wildcard.matches(value)),
            Self::AnythingBut(literals) => !literals.iter().any(|literal| literal.is(value)),
            Self::AnythingButLike(conditions) => !conditions.iter().any(|condition| condition.admits(value)),
            Self::Numeric(range) => value.as_f64().is_some_and(|number| range.holds(number)),
            Self::Cidr { block, .. } => value.as_str().is_some_and(|value| block.holds(value)),
            Self::Exists(wanted) => *wanted,
        }
    }
}

impl Literal {
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(text), Value::String(value)) => text == value || same_address(text, value),
            (Self::Number(number), value) => value.as_f64() == Some(*number),
            (Self::True, Value::Bool(value)) => *value,
            (Self::False, Value::Bool(value)) => !*value,
            (Self::Null, Value::Null) => true,
            _ => false,
        }
    }
}

impl Range {
    pub fn exactly(number: f64) -> Self {
        Self { bottom: Some((number, true)), top: Some((number, true)) }
    }

    fn holds(&self, number: f64) -> bool {
        let above = self.bottom.is_none_or(|(bound, included)| number > bound || included && number == bound);
        let below = self.top.is_none_or(|(bound, included)| number < bound || included && number == bound);
        above && below
    }
}

/// Addresses are compared by what they mean: `::1` is `0:0:0:0:0:0:0:1`.
fn same_address(text: &str, value: &str) -> bool {
    match (text.parse::<IpAddr>(), value.parse::<IpAddr>()) {
        (Ok(text), Ok(value)) => text == value,
        _ => false,
    }
}

/// Character by character; no character stands for several, as `ß` does in Unicode's own folding.
fn same_ignoring_case(left: &str, right: &str) -> bool {
    left.chars().map(folded).eq(right.chars().map(folded))
}

fn has_affix(end: End, ignore_case: bool, affix: &str, text: &str) -> bool {
    match (end, ignore_case) {
        (End::Prefix, false) => text.starts_with(affix),
        (End::Suffix, false) => text.ends_with(affix),
        (End::Prefix, true) => {
            let mut text = text.chars().map(folded);
            affix.chars().map(folded).all(|character| text.next() == Some(character))
        }
        (End::Suffix, true) => {
            let mut text = text.chars().rev().map(folded);
            affix.chars().rev().map(folded).all(|character| text.next() == Some(character))
        }
    }
}

fn folded(character: char) -> char {
    single(character.to_uppercase()).map_or(character, |upper| single(upper.to_lowercase()).unwrap_or(upper))
}

fn single(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next()?;
    characters.next().is_none().then_some(first)
}

impl fmt::Display for Condition {
    /// As a pattern has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(literal) => literal.fmt(f),
            Self::AnythingBut(literals) => write!(f, "{{\"anything-but\": {}}}", listed(literals)),
            Self::AnythingButLike(conditions) => {
                f.write_str("{\"anything-but\": ")?;
                for (index, condition) in conditions.iter().enumerate() {
                    write!(f, "{}{condition}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
            Self::EqualsIgnoreCase(text) => write!(f, "{{\"equals-ignore-case\": {}}}", quoted(text)),
            Self::Affix { end, ignore_case, text } => {
                let name = if *end == End::Prefix { "prefix" } else { "suffix" };
                match ignore_case {
                    false => write!(f, "{{\"{name}\": {}}}", quoted(text)),
                    true => write!(f, "{{\"{name}\": {{\"equals-ignore-case\": {}}}}}", quoted(text)),
                }
            }
            Self::Wildcard { text, .. } => write!(f, "{{\"wildcard\": {}}}", quoted(text)),
            Self::Numeric(range) => write!(f, "{{\"numeric\": [{range}]}}"),
            Self::Cidr { text, .. } => write!(f, "{{\"cidr\": {}}}", quoted(text)),
            Self::Exists(wanted) => write!(f, "{{\"exists\": {wanted}}}"),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Number(number) => number.fmt(f),
            Self::True => f.write_str("true"),
            Self::False => f.write_str("false"),
            Self::Null => f.write_str("null"),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some((bottom, true)), Some((top, true))) = (self.bottom, self.top)
            && bottom == top
        {
            return write!(f, "\"=\", {bottom}");
        }
        if let Some((bottom, included)) = self.bottom {
            write!(f, "\">{}\", {bottom}", if included { "=" } else { "" })?;
        }
        if let Some((top, included)) = self.top {
            let comma = if self.bottom.is_some() { ", " } else { "" };
            write!(f, "{comma}\"<{}\", {top}", if included { "=" } else { "" })?;
        }
        Ok(())
    }
}

fn listed(literals: &[Literal]) -> String {
    match literals {
        [one] => one.to_string(),
        several => format!("[{}]", several.iter().map(Literal::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
