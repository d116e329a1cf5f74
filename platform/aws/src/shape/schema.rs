//! The static description of a shape: kind, constraints, wire names.

use std::sync::OnceLock;

/// One shape of a model.
pub struct Schema {
    /// The shape's name in the model.
    pub name: &'static str,
    pub kind: Kind,
    /// Length in code points (strings), bytes (blobs) or entries, or the range of a number; inclusive.
    pub min: Option<i64>,
    pub max: Option<i64>,
    pub pattern: Option<&'static Pattern>,
    /// Never in logs, audit records or error messages.
    pub sensitive: bool,
    pub flattened: bool,
    /// What members of a flattened list or map are called in forms and XML, where that is not the member's own name.
    pub item_name: Option<&'static str>,
    /// Overrides the protocol's format of timestamps.
    pub timestamp_format: Option<TimestampFormat>,
}

pub enum Kind {
    Boolean,
    Integer,
    Double,
    String,
    /// An open string with the values that the model knows.
    Enum(&'static [&'static str]),
    Blob,
    Timestamp,
    Structure(&'static [Member]),
    /// A structure of which exactly one member is set.
    Union(&'static [Member]),
    List {
        element: &'static Schema,
        wire: &'static str,
    },
    Map {
        key: &'static Schema,
        value: &'static Schema,
        key_wire: &'static str,
        value_wire: &'static str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    EpochSeconds,
    Iso8601,
    HttpDate,
}

/// A member of a structure.
pub struct Member {
    /// The name in the model.
    pub name: &'static str,
    /// The name on the wire.
    pub wire: &'static str,
    pub schema: &'static Schema,
    pub required: bool,
    pub location: Location,
    /// For `restXml`: an attribute of the parent's element.
    pub xml_attribute: bool,
    /// For `restXml`: declared on the member's element.
    pub xml_namespace: Option<XmlNamespace>,
}

/// A namespace of XML; an empty prefix declares the default one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XmlNamespace {
    pub prefix: &'static str,
    pub uri: &'static str,
}

/// Where HTTP-bound protocols carry a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    Body,
    /// The whole body.
    Payload,
    Uri,
    Query,
    Header,
    /// All headers with this prefix, as a map.
    Headers,
    StatusCode,
}

/// A regular expression of the model; Java's dialect, the whole value must match.
pub struct Pattern {
    /// As the model prints it, for messages.
    pub source: &'static str,
    compiled: OnceLock<Option<Compiled>>,
}

enum Compiled {
    Linear(regex::Regex),
    /// Only for look-around, which the linear engine lacks.
    Backtracking(fancy_regex::Regex),
}

impl Schema {
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            min: None,
            max: None,
            pattern: None,
            sensitive: false,
            flattened: false,
            item_name: None,
            timestamp_format: None,
        }
    }

    pub const fn string(name: &'static str) -> Self {
        Self::new(name, Kind::String)
    }

    pub const fn list(name: &'static str, element: &'static Schema) -> Self {
        Self::new(name, Kind::List { element, wire: "member" })
    }

    pub const fn map(name: &'static str, key: &'static Schema, value: &'static Schema) -> Self {
        Self::new(name, Kind::Map { key, value, key_wire: "key", value_wire: "value" })
    }

    #[must_use]
    pub const fn min(mut self, min: i64) -> Self {
        self.min = Some(min);
        self
    }

    #[must_use]
    pub const fn max(mut self, max: i64) -> Self {
        self.max = Some(max);
        self
    }

    #[must_use]
    pub const fn pattern(mut self, pattern: &'static Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }

    #[must_use]
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    #[must_use]
    pub const fn flattened(mut self) -> Self {
        self.flattened = true;
        self
    }

    /// Of a flattened list or map.
    #[must_use]
    pub const fn item_name(mut self, name: &'static str) -> Self {
        self.item_name = Some(name);
        self
    }

    #[must_use]
    pub const fn timestamp_format(mut self, format: TimestampFormat) -> Self {
        self.timestamp_format = Some(format);
        self
    }

    /// The members of a structure or union; none for other kinds.
    pub fn members(&self) -> &'static [Member] {
        match &self.kind {
            Kind::Structure(members) | Kind::Union(members) => members,
            Kind::Boolean
            | Kind::Integer
            | Kind::Double
            | Kind::String
            | Kind::Enum(_)
            | Kind::Blob
            | Kind::Timestamp
            | Kind::List { .. }
            | Kind::Map { .. } => &[],
        }
    }

    /// What the key and the value of a map's entry are called on the wire.
    pub fn entry_wires(&self) -> (&'static str, &'static str) {
        match &self.kind {
            Kind::Map { key_wire, value_wire, .. } => (key_wire, value_wire),
            Kind::Boolean
            | Kind::Integer
            | Kind::Double
            | Kind::String
            | Kind::Enum(_)
            | Kind::Blob
            | Kind::Timestamp
            | Kind::Structure(_)
            | Kind::Union(_)
            | Kind::List { .. } => ("key", "value"),
        }
    }

    /// The schema of a list's elements or a map's values; for other kinds the schema itself, which no shape asks.
    pub fn element(&'static self) -> &'static Schema {
        match &self.kind {
            Kind::List { element, .. } => element,
            Kind::Map { value, .. } => value,
            Kind::Boolean
            | Kind::Integer
            | Kind::Double
            | Kind::String
            | Kind::Enum(_)
            | Kind::Blob
            | Kind::Timestamp
            | Kind::Structure(_)
            | Kind::Union(_) => self,
        }
    }
}

impl Member {
    /// The name in forms and XML.
    pub fn form_name(&self) -> &'static str {
        self.schema.item_name.unwrap_or(self.wire)
    }

    pub const fn new(name: &'static str, schema: &'static Schema) -> Self {
        Self {
            name,
            wire: name,
            schema,
            required: false,
            location: Location::Body,
            xml_attribute: false,
            xml_namespace: None,
        }
    }

    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    #[must_use]
    pub const fn wire(mut self, wire: &'static str) -> Self {
        self.wire = wire;
        self
    }

    #[must_use]
    pub const fn at(mut self, location: Location) -> Self {
        self.location = location;
        self
    }

    #[must_use]
    pub const fn xml_attribute(mut self) -> Self {
        self.xml_attribute = true;
        self
    }

    #[must_use]
    pub const fn xml_namespace(mut self, namespace: XmlNamespace) -> Self {
        self.xml_namespace = Some(namespace);
        self
    }
}

impl Pattern {
    pub const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    /// Whether the whole value matches. A pattern that neither engine can compile admits everything; the
    /// generator refuses to write one, see `every_pattern_compiles` of the model crates' checks.
    pub fn matches(&self, value: &str) -> bool {
        match self.compiled.get_or_init(|| compile(self.source)) {
            Some(Compiled::Linear(regex)) => regex.is_match(value),
            Some(Compiled::Backtracking(regex)) => regex.is_match(value).unwrap_or(false),
            None => true,
        }
    }

    pub fn compiles(&self) -> bool {
        self.compiled.get_or_init(|| compile(self.source)).is_some()
    }
}

fn compile(source: &str) -> Option<Compiled> {
    let anchored = format!(r"\A(?:{})\z", translate(source));
    match regex::Regex::new(&anchored) {
        Ok(regex) => Some(Compiled::Linear(regex)),
        Err(_) => fancy_regex::Regex::new(&anchored).ok().map(Compiled::Backtracking),
    }
}

/// Java's dialect into that of the `regex` crate: `\uXXXX` escapes (surrogate pairs joined, since Rust's
/// strings hold none), and `[` unescaped inside of a class.
fn translate(source: &str) -> String {
    let joined = source.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\x{10000}-\x{10FFFF}");
    let joined = joined.replace(r"\ud800\udc00-\udbff\udfff", r"\x{10000}-\x{10FFFF}");
    let mut out = String::with_capacity(joined.len());
    let mut chars = joined.chars().peekable();
    let mut class_depth = 0_u32;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    out.push_str(&format!("\\x{{{digits}}}"));
                }
                Some(next) => {
                    out.push('\\');
                    out.push(next);
                }
                None => out.push('\\'),
            },
            '[' if class_depth > 0 && chars.peek() != Some(&':') => out.push_str("\\["),
            '[' => {
                class_depth += 1;
                out.push('[');
            }
            ']' if class_depth > 0 => {
                class_depth -= 1;
                out.push(']');
            }
            '&' | '~' if class_depth > 0 => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(source: &'static str, value: &str) -> bool {
        let pattern = Pattern::new(source);
        assert!(pattern.compiles(), "{source}");
        pattern.matches(value)
    }

    #[test]
    fn a_pattern_matches_the_whole_value() {
        assert!(matches(r"[A-Za-z0-9.@\-_]+", "my-pipeline"));
        assert!(!matches(r"[A-Za-z0-9.@\-_]+", "my pipeline"));
        assert!(!matches(r"[A-Z]", "AB"));
        assert!(matches(r"^[a-z]+$", "abc"));
    }

    #[test]
    fn javas_escapes_are_translated() {
        assert!(matches(r"[\u0009\u000A\u000D\u0020-\u00FF]+", "a policy"));
        assert!(!matches(r"[\u0009\u000A\u000D\u0020-\u00FF]+", "\u{4e00}"));
        assert!(matches(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "smile \u{1F600}"));
        assert!(matches(r"(?!aws:).+", "team"));
        assert!(!matches(r"(?!aws:).+", "aws:team"));
    }
}
