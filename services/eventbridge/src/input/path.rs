//! The JSON paths that AWS admits: from the root through names and indexes.

use serde_json::Value;

/// `$.detail.items[0]['a name']`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

impl Path {
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                if name.is_empty() || name.contains(|c: char| c == '*' || c == ']' || c.is_whitespace()) {
                    return None;
                }
                steps.push(Step::Name(name.to_owned()));
                rest = after;
            } else {
                let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
                let name = |quote: char| inside.strip_prefix(quote)?.strip_suffix(quote);
                steps.push(match name('\'').or_else(|| name('"')) {
                    Some(name) => Step::Name(name.to_owned()),
                    None => Step::Index(inside.parse().ok()?),
                });
                rest = after;
            }
        }
        Some(Self(steps))
    }

    /// What the path leads to.
    pub fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Name(name) => value.get(name),
            Step::Index(index) => value.get(index),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_through_names_and_indexes() {
        let event = json!({"detail-type": "t", "resources": ["r"], "detail": {"a b": {"c": [1, 2]}}});
        let at = |path: &str| Path::parse(path).and_then(|path| path.of(&event).cloned());
        assert_eq!(at("$"), Some(event.clone()));
        assert_eq!(at("$.detail-type"), Some(json!("t")));
        assert_eq!(at("$.resources[0]"), Some(json!("r")));
        assert_eq!(at("$.detail['a b'].c[1]"), Some(json!(2)));
        assert_eq!(at("$.resources[1]"), None);
        for wrong in ["", "detail", "$detail", "$.", "$..a", "$.a[*]", "$.a[x]", "$.a[0", "$.*"] {
            assert_eq!(Path::parse(wrong), None, "{wrong}");
        }
    }
}
