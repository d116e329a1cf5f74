//! The tree.

/// Where something stands, both counted from 1; columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub place: Place,
    /// How many columns a value takes that stands on one line; 1 for all others.
    pub width: usize,
    /// A tag of the application's own, without its `!`: `Ref` of `!Ref Bucket`.
    pub tag: Option<Box<str>>,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `plain` is a text without quotes, which may stand for nothing (`~`) or for a truth (`yes`).
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<Node>),
    /// In the document's order; keys may repeat, the reader refuses it.
    Mapping(Vec<(Node, Node)>),
}

/// What a scalar is by the core schema of YAML 1.2, which is also what JSON says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    /// As it is written: fractions, exponents, and integers of more than 64 bits.
    Number(&'a str),
    Text(&'a str),
}

impl Node {
    /// Whether this is an absent value: `key:` with nothing after it.
    pub fn is_null(&self) -> bool {
        self.scalar() == Some(Scalar::Null)
    }

    /// None for sequences and mappings.
    pub fn scalar(&self) -> Option<Scalar<'_>> {
        match &self.value {
            Value::Scalar { text, plain: true } => Some(resolve(text)),
            Value::Scalar { text, plain: false } => Some(Scalar::Text(text)),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// What is written, whatever it means; none for sequences and mappings.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The entries of a mapping; none for other nodes.
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            Value::Scalar { .. } | Value::Sequence(_) => &[],
        }
    }

    /// The value of a key; the first, should it repeat.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    pub(crate) fn count(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::Sequence(items) => items.iter().map(Self::count).sum(),
            Value::Mapping(entries) => entries.iter().map(|(key, value)| key.count() + value.count()).sum(),
        }
    }
}

/// Source: YAML 1.2.2, "Core Schema". The words for infinity and for no number stay texts: no reader wants them.
fn resolve(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Boolean(true),
        "false" | "False" | "FALSE" => return Scalar::Boolean(false),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(unsigned) {
        return text.parse().map_or(Scalar::Number(text), Scalar::Integer);
    }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        // `from_str_radix` takes a sign, the schema does not.
        if let Some(digits) = text.strip_prefix(prefix).filter(|digits| !digits.starts_with(['+', '-']))
            && let Ok(value) = i64::from_str_radix(digits, radix)
        {
            return Scalar::Integer(value);
        }
    }
    let begins_as_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if begins_as_number && text.parse::<f64>().is_ok() { Scalar::Number(text) } else { Scalar::Text(text) }
}
