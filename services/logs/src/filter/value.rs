//! What properties and fields are compared with.

use regex::Regex;

use super::{InvalidPattern, invalid};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The right side of a comparison.
#[derive(Clone, Debug)]
pub enum Value {
    Number {
        value: f64,
        text: String,
    },
    /// With `*` for any run of characters.
    Text(String),
    Regex(Regex),
}

/// A comparison with the left side left out.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub operator: Operator,
    pub value: Value,
}

impl Operator {
    /// The operator that a text begins with, and the rest.
    pub fn strip(text: &str) -> Option<(Self, &str)> {
        // The longer ones first: `<=` begins with `<`.
        const OPERATORS: [(&str, Operator); 6] = [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        OPERATORS.iter().find_map(|(sign, operator)| text.strip_prefix(sign).map(|rest| (*operator, rest)))
    }
}

impl Value {
    /// An unquoted value: a number where it reads as one, else text.
    pub fn bare(text: &str) -> Self {
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Self::Number { value, text: text.to_owned() },
            Ok(_) | Err(_) => Self::Text(text.to_owned()),
        }
    }
}

impl Comparison {
    /// Errors: an order between texts.
    pub fn new(operator: Operator, value: Value) -> Result<Self, InvalidPattern> {
        let is_order = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if is_order && !matches!(value, Value::Number { .. }) {
            return Err(invalid("<, >, <= and >= compare with numbers only"));
        }
        Ok(Self { operator, value })
    }

    pub fn holds_for_text(&self, text: &str) -> bool {
        match &self.value {
            Value::Number { value, text: written } => match (text.trim().parse::<f64>(), self.operator) {
                (Ok(number), _) => self.compare(number, *value),
                (Err(_), Operator::Equal) => text == written,
                (Err(_), Operator::NotEqual) => text != written,
                (Err(_), _) => false,
            },
            Value::Text(pattern) => wildcard(pattern, text) == (self.operator == Operator::Equal),
            Value::Regex(regex) => regex.is_match(text) == (self.operator == Operator::Equal),
        }
    }

    pub fn holds_for_number(&self, number: f64) -> bool {
        match &self.value {
            Value::Number { value, .. } => self.compare(number, *value),
            Value::Text(_) | Value::Regex(_) => self.holds_for_text(&number.to_string()),
        }
    }

    #[allow(clippy::float_cmp, reason = "a pattern that names a number means that very number")]
    fn compare(&self, left: f64, right: f64) -> bool {
        match self.operator {
            Operator::Equal => left == right,
            Operator::NotEqual => left != right,
            Operator::Less => left < right,
            Operator::LessOrEqual => left <= right,
            Operator::Greater => left > right,
            Operator::GreaterOrEqual => left >= right,
        }
    }
}

/// A regular expression between `%` signs. Errors: groups, which the syntax does not have.
pub fn regex(expression: &str) -> Result<Regex, InvalidPattern> {
    let mut escaped = false;
    for c in expression.chars() {
        match c {
            '\\' => escaped = !escaped,
            '(' | ')' if !escaped => return Err(invalid("regular expressions have no groups")),
            _ => escaped = false,
        }
    }
    let built = regex::RegexBuilder::new(expression).size_limit(1 << 20).build();
    built.map_err(|_| invalid(format!("`%{expression}%` is not a regular expression")))
}

/// Whether a pattern with `*` matches the whole text. Takes time in proportion to both lengths at worst.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run() {
        for (pattern, text, expected) in [
            ("4*", "404", true),
            ("4*", "304", false),
            ("*end", "the end", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*bc*d", "a bc bc d", true),
            ("a*a", "a", false),
            ("*", "", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn groups_are_refused() {
        assert!(regex("a(b)").is_err());
        assert!(regex(r"a\(b\)").is_ok());
        assert!(regex("[a").is_err());
    }
}
