//! Conditions on the properties of JSON messages.

use serde_json::Value as Json;

use super::terms::quoted;
use super::value::{Comparison, Operator, Value, regex};
use super::{InvalidPattern, invalid};

/// Nesting of parentheses that is followed; the length of a pattern does not allow much more.
const DEEPEST: usize = 64;

#[derive(Clone, Debug)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Property { selector: Selector, test: Test },
}

/// The way to a property: `$.a['b.c'][0]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Property(String),
    Index(usize),
    /// Any element.
    Every,
}

#[derive(Clone, Debug)]
pub enum Test {
    Compares(Comparison),
    IsNull,
    Is(bool),
    NotExists,
}

impl Condition {
    pub fn holds(&self, document: &Json) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(document)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(document)),
            Self::Property { selector, test } => {
                let mut found = Vec::new();
                select(document, &selector.0, &mut found);
                match test {
                    Test::NotExists => found.is_empty(),
                    Test::IsNull => found.iter().any(|value| value.is_null()),
                    Test::Is(expected) => found.iter().any(|value| value.as_bool() == Some(*expected)),
                    Test::Compares(comparison) => found.iter().any(|value| compares(comparison, value)),
                }
            }
        }
    }
}

fn select<'d>(value: &'d Json, steps: &[Step], found: &mut Vec<&'d Json>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    match (step, value) {
        (Step::Property(name), Json::Object(members)) => {
            if let Some(member) = members.get(name) {
                select(member, rest, found);
            }
        }
        (Step::Index(index), Json::Array(elements)) => {
            if let Some(element) = elements.get(*index) {
                select(element, rest, found);
            }
        }
        (Step::Every, Json::Array(elements)) => {
            elements.iter().for_each(|element| select(element, rest, found));
        }
        (Step::Property(_) | Step::Index(_) | Step::Every, _) => {}
    }
}

/// Arrays and objects compare with nothing.
fn compares(comparison: &Comparison, value: &Json) -> bool {
    match value {
        Json::String(text) => comparison.holds_for_text(text),
        Json::Number(number) => number.as_f64().is_some_and(|number| comparison.holds_for_number(number)),
        Json::Bool(flag) => comparison.holds_for_text(if *flag { "true" } else { "false" }),
        Json::Null | Json::Array(_) | Json::Object(_) => false,
    }
}

pub fn parse(text: &str) -> Result<Condition, InvalidPattern> {
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inner = inner.ok_or_else(|| invalid("a `{` has no partner"))?;
    let mut parser = Parser { rest: inner, depth: 0 };
    let condition = parser.any()?;
    parser.blanks();
    if parser.rest.is_empty() {
        Ok(condition)
    } else {
        Err(invalid(format!("`{}` is not expected here", parser.rest)))
    }
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn any(&mut self) -> Result<Condition, InvalidPattern> {
        let mut conditions = vec![self.all()?];
        while self.take("||") {
            conditions.push(self.all()?);
        }
        Ok(one_or(conditions, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, InvalidPattern> {
        let mut conditions = vec![self.single()?];
        while self.take("&&") {
            conditions.push(self.single()?);
        }
        Ok(one_or(conditions, Condition::All))
    }

    fn single(&mut self) -> Result<Condition, InvalidPattern> {
        if !self.take("(") {
            let selector = self.selector()?;
            return Ok(Condition::Property { selector, test: self.test()? });
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(invalid("parentheses are nested too deeply"));
        }
        let inner = self.any()?;
        self.depth -= 1;
        if self.take(")") { Ok(inner) } else { Err(invalid("a `(` has no partner")) }
    }

    fn selector(&mut self) -> Result<Selector, InvalidPattern> {
        if !self.take("$") {
            return Err(invalid("a property begins with `$.`"));
        }
        let mut steps = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                if self.rest.starts_with('[') {
                    continue;
                }
                let name = self.run(|c| c.is_alphanumeric() || "_-:@#".contains(c));
                if name.is_empty() {
                    return Err(invalid("a property has no name after `.`"));
                }
                steps.push(Step::Property(name.to_owned()));
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                self.rest = rest;
                steps.push(self.bracket()?);
            } else if steps.is_empty() {
                return Err(invalid("a property begins with `$.`"));
            } else {
                return Ok(Selector(steps));
            }
        }
    }

    fn bracket(&mut self) -> Result<Step, InvalidPattern> {
        let unclosed = || invalid("a `[` has no partner");
        let (step, rest) = if let Some(rest) = self.rest.strip_prefix('\'') {
            let (name, rest) = rest.split_once('\'').ok_or_else(unclosed)?;
            (Step::Property(name.to_owned()), rest)
        } else if let Some(rest) = self.rest.strip_prefix('*') {
            (Step::Every, rest)
        } else {
            let (index, rest) = self.rest.split_at(self.rest.find(']').ok_or_else(unclosed)?);
            let index = index.trim().parse().map_err(|_| invalid(format!("`{index}` is no index")))?;
            (Step::Index(index), rest)
        };
        self.rest = rest.strip_prefix(']').ok_or_else(unclosed)?;
        Ok(step)
    }

    fn test(&mut self) -> Result<Test, InvalidPattern> {
        self.blanks();
        if let Some((operator, rest)) = Operator::strip(self.rest) {
            self.rest = rest;
            return Ok(Test::Compares(Comparison::new(operator, self.value()?)?));
        }
        match self.word().to_uppercase().as_str() {
            "IS" => match self.word().to_uppercase().as_str() {
                "NULL" => Ok(Test::IsNull),
                "TRUE" => Ok(Test::Is(true)),
                "FALSE" => Ok(Test::Is(false)),
                other => Err(invalid(format!("IS {other}: only NULL, TRUE and FALSE can follow IS"))),
            },
            "NOT" if self.word().eq_ignore_ascii_case("EXISTS") => Ok(Test::NotExists),
            _ => Err(invalid("a property is followed by a comparison, IS or NOT EXISTS")),
        }
    }

    fn value(&mut self) -> Result<Value, InvalidPattern> {
        self.blanks();
        if let Some(rest) = self.rest.strip_prefix('"') {
            let (text, rest) = quoted(rest)?;
            self.rest = rest;
            return Ok(Value::Text(text));
        }
        if let Some(rest) = self.rest.strip_prefix('%') {
            let (expression, rest) = rest.split_once('%').ok_or_else(|| invalid("a `%` has no partner"))?;
            self.rest = rest;
            return Ok(Value::Regex(regex(expression)?));
        }
        let text = self.run(|c| !c.is_whitespace() && !"()&|{}".contains(c));
        if text.is_empty() { Err(invalid("a comparison has no value")) } else { Ok(Value::bare(text)) }
    }

    fn word(&mut self) -> &'t str {
        self.blanks();
        self.run(char::is_alphabetic)
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    fn take(&mut self, sign: &str) -> bool {
        self.blanks();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

fn one_or(mut conditions: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    match (conditions.len(), conditions.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            conditions.extend(last);
            many(conditions)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pattern;

    const MESSAGE: &str = r#"{
        "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": null, "cluster.name": "c", "ok": true, "latency": 12.5
    }"#;

    fn holds(pattern: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(MESSAGE)
    }

    #[test]
    fn properties_compare_with_text_and_numbers() {
        assert!(holds(r#"{ $.eventType = "UpdateTrail" }"#));
        assert!(holds("{ $.eventType = Update* }"));
        assert!(holds(r#"{ $.eventType != "x" }"#));
        assert!(!holds(r#"{ $.absent != "x" }"#));
        assert!(holds("{$.latency>12&&$.latency<=12.5}"));
        assert!(holds("{ $.latency = 1.25e1 }"));
        assert!(!holds("{ $.latency = 12 }"));
        assert!(holds(r"{ $.sourceIPAddress = %111\.111% }"));
        assert!(!holds("{ $.arrayKey = value }"));
    }

    #[test]
    fn selectors_reach_into_arrays_and_odd_names() {
        assert!(holds(r#"{ $.arrayKey[0] = "value" }"#));
        assert!(holds(r#"{ $.objectList[1].id = 2 }"#));
        assert!(holds(r#"{ $.objectList[*].name = "b" }"#));
        assert!(holds(r#"{ $.['cluster.name'] = "c" }"#));
        assert!(!holds("{ $.objectList[7].id = 2 }"));
    }

    #[test]
    fn words_test_what_is_there() {
        assert!(holds("{ $.SomeObject IS NULL }"));
        assert!(holds("{ $.ok IS TRUE }"));
        assert!(!holds("{ $.ok IS FALSE }"));
        assert!(holds("{ $.SomeOtherObject NOT EXISTS }"));
        assert!(!holds("{ $.SomeObject NOT EXISTS }"));
    }

    #[test]
    fn and_binds_before_or() {
        assert!(holds("{ $.ok IS TRUE || $.latency = 1 && $.latency = 2 }"));
        assert!(!holds("{ ($.ok IS TRUE || $.latency = 1) && $.latency = 2 }"));
    }

    #[test]
    fn what_is_no_json_does_not_match() {
        let pattern = Pattern::parse("{ $.a NOT EXISTS }").unwrap();
        assert!(!pattern.matches("plain text"));
        assert!(pattern.matches("{}"));
    }

    #[test]
    fn mistakes_are_named() {
        for pattern in [
            "{ $.a",
            "{ $.a = }",
            "{ a = 1 }",
            "{ $.a > b }",
            "{ ($.a = 1 }",
            "{ $.a EXISTS }",
            "{ $.a = 1 2 }",
            "{}",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
        let deep = format!("{{{}$.a = 1{}}}", "(".repeat(200), ")".repeat(200));
        assert!(Pattern::parse(&deep).is_err());
    }
}
