//! JSONPath expressions that pick values out of a delivery.
//!
//! Read are the root, members by name, elements by number, wildcards and descendants; not read are slices, unions and
//! filters (`[?(…)]`). Source: RFC 9535; the expressions of CodePipeline's User Guide.

use serde_json::Value;

/// Values that are looked at for one expression: a path with many `..` would visit a deep document without end.
const LOOKS: usize = 100_000;

/// An expression that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    /// Whether everything below is looked at, and not only what lies there.
    descends: bool,
    selector: Selector,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Selector {
    Name(String),
    /// From the end if negative.
    Index(i64),
    All,
}

impl JsonPath {
    /// Errors: what cannot be read, as a clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.strip_prefix('$').ok_or("it does not begin with '$'")?;
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let (segment, after) = segment(rest)?;
            segments.push(segment);
            rest = after;
        }
        Ok(Self(segments))
    }

    /// The values that it picks, in the document's order.
    pub fn select<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut looks = LOOKS;
        let mut selected = vec![root];
        for Segment { descends, selector } in &self.0 {
            let mut next = Vec::new();
            for value in selected {
                match descends {
                    false => children(value, selector, &mut next, &mut looks),
                    true => descendants(value, selector, &mut next, &mut looks),
                }
            }
            selected = next;
        }
        selected
    }
}

fn segment(text: &str) -> Result<(Segment, &str), String> {
    let (descends, rest) = match text.strip_prefix("..") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.starts_with('[') {
        let (selector, rest) = bracket(rest)?;
        return Ok((Segment { descends, selector }, rest));
    }
    let rest = if descends { rest } else { rest.strip_prefix('.').ok_or_else(|| unexpected(rest))? };
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    if name.is_empty() {
        return Err("a name is missing after '.'".to_owned());
    }
    if name.contains(|c: char| c.is_whitespace() || "]()'\"?@".contains(c)) {
        return Err(unexpected(name));
    }
    let selector = if name == "*" { Selector::All } else { Selector::Name(name.to_owned()) };
    Ok((Segment { descends, selector }, rest))
}

/// `['name']`, `["name"]`, `[0]`, `[*]`.
fn bracket(text: &str) -> Result<(Selector, &str), String> {
    let inner = &text[1..];
    if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let (name, rest) = inner[1..].split_once(quote).ok_or("a quotation mark is not closed")?;
        let rest = rest.strip_prefix(']').ok_or_else(|| unexpected(rest))?;
        return Ok((Selector::Name(name.to_owned()), rest));
    }
    let (inside, rest) = inner.split_once(']').ok_or("a bracket is not closed")?;
    if inside == "*" {
        return Ok((Selector::All, rest));
    }
    inside.parse().map(|index| (Selector::Index(index), rest)).map_err(|_| unexpected(inside))
}

fn unexpected(text: &str) -> String {
    let shown: String = text.chars().take(20).collect();
    format!("'{shown}' cannot be read")
}

fn children<'a>(value: &'a Value, selector: &Selector, found: &mut Vec<&'a Value>, looks: &mut usize) {
    let mut push = |value: &'a Value| {
        if *looks > 0 {
            *looks -= 1;
            found.push(value);
        }
    };
    match (selector, value) {
        (Selector::Name(name), Value::Object(members)) => {
            if let Some(value) = members.get(name) {
                push(value);
            }
        }
        (Selector::Index(index), Value::Array(elements)) => {
            let place = match usize::try_from(*index) {
                Ok(place) => Some(place),
                Err(_) => usize::try_from(index.unsigned_abs())
                    .ok()
                    .and_then(|back| elements.len().checked_sub(back)),
            };
            if let Some(value) = place.and_then(|place| elements.get(place)) {
                push(value);
            }
        }
        (Selector::All, Value::Array(elements)) => elements.iter().for_each(push),
        (Selector::All, Value::Object(members)) => members.values().for_each(push),
        _ => {}
    }
}

fn descendants<'a>(value: &'a Value, selector: &Selector, found: &mut Vec<&'a Value>, looks: &mut usize) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        if *looks == 0 {
            return;
        }
        *looks -= 1;
        children(value, selector, found, looks);
        match value {
            Value::Array(elements) => open.extend(elements.iter().rev()),
            Value::Object(members) => {
                let start = open.len();
                open.extend(members.values());
                open[start..].reverse();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn select(path: &str, value: &Value) -> Vec<Value> {
        JsonPath::parse(path).unwrap().select(value).into_iter().cloned().collect()
    }

    #[test]
    fn members_elements_wildcards_and_descendants() {
        let push = json!({
            "ref": "refs/heads/main", "a-b": 1,
            "commits": [{"id": "1", "author": {"name": "x"}}, {"id": "2"}],
        });
        assert_eq!(select("$", &push), std::slice::from_ref(&push));
        assert_eq!(select("$.ref", &push), [json!("refs/heads/main")]);
        assert_eq!(select("$['ref']", &push), select("$.ref", &push));
        assert_eq!(select("$.a-b", &push), [json!(1)]);
        assert_eq!(select("$.commits[0].id", &push), [json!("1")]);
        assert_eq!(select("$.commits[-1].id", &push), [json!("2")]);
        assert_eq!(select("$.commits[*].id", &push), [json!("1"), json!("2")]);
        assert_eq!(select("$..id", &push), [json!("1"), json!("2")]);
        assert_eq!(select("$..author['name']", &push), [json!("x")]);
        for nothing in ["$.none", "$.ref.none", "$.commits[2]", "$.commits[-3]", "$.commits.id", "$[0]"] {
            assert!(select(nothing, &push).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in
            ["", "ref", "$ref", "$.", "$..", "$[", "$['a", "$['a'", "$[?(@.a)]", "$[0:2]", "$[a]", "$.a b"]
        {
            assert!(JsonPath::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hostile_path_ends() {
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner.clone(), {"a": 1}]));
        let path = JsonPath::parse(&format!("${}", "..*".repeat(49))).unwrap();
        assert!(path.select(&deep).len() <= LOOKS);
    }

    proptest! {
        #[test]
        fn nothing_panics(path in r#"\$[.\[\]'"*a0-9?-]{0,20}"#) {
            if let Ok(path) = JsonPath::parse(&path) {
                path.select(&json!({"a": [{"a": 0}, [1]], "0": null}));
            }
        }

        #[test]
        fn a_quoted_name_picks_its_member(name in "[^'\"\\\\]{0,20}") {
            let value = json!({ name.clone(): 7 });
            prop_assert_eq!(select(&format!("$['{name}']"), &value), [json!(7)]);
        }
    }
}
