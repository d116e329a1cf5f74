//! Whether a delivery is one that a webhook was made for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json_path::JsonPath;

/// What a value of the delivery must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    pub json_path: String,
    /// With `{Key}` for values of the target action's configuration. None: there must be such a value.
    pub match_equals: Option<String>,
}

/// A filter that a delivery does not pass, with what was there instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error("there is nothing at {0}")]
    Absent(String),
    #[error("{path} is not {wanted}")]
    Different { path: String, wanted: String },
}

impl Filter {
    /// Errors: what of the path cannot be read.
    pub fn check(&self) -> Result<(), String> {
        JsonPath::parse(&self.json_path).map(drop)
    }

    /// Whether a delivery passes.
    pub fn passes(&self, delivery: &Value, configuration: &BTreeMap<String, String>) -> Result<(), Mismatch> {
        let absent = || Mismatch::Absent(self.json_path.clone());
        let path = JsonPath::parse(&self.json_path).map_err(|_| absent())?;
        let selected = path.select(delivery);
        if selected.is_empty() {
            return Err(absent());
        }
        let Some(wanted) = &self.match_equals else { return Ok(()) };
        let wanted = fill_in(wanted, configuration);
        if selected.into_iter().any(|value| is(value, &wanted)) {
            return Ok(());
        }
        Err(Mismatch::Different { path: self.json_path.clone(), wanted })
    }
}

fn is(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        other => {
            let printed = other.to_string();
            printed == wanted
        }
    }
}

/// The text with values of the configuration in the place of `{Key}`. Of what no key has the name, nothing is changed;
/// values are not looked into again.
fn fill_in(text: &str, configuration: &BTreeMap<String, String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let named = after.split_once('}').and_then(|(key, after)| Some((configuration.get(key)?, after)));
        match named {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(path: &str, wanted: Option<&str>) -> Filter {
        Filter { json_path: path.into(), match_equals: wanted.map(str::to_owned) }
    }

    #[test]
    fn values_of_the_action_are_filled_in() {
        let configuration =
            BTreeMap::from([("Branch".into(), "main".into()), ("Odd".into(), "{Branch}".into())]);
        let filled = |text| fill_in(text, &configuration);
        assert_eq!(filled("refs/heads/{Branch}"), "refs/heads/main");
        assert_eq!(filled("{Branch}{Branch}"), "mainmain");
        assert_eq!(filled("{Odd}"), "{Branch}");
        for same in ["{None}", "{", "}", "{}", "{{", ""] {
            assert_eq!(filled(same), same);
        }
        assert_eq!(filled("{{Branch}"), "{main");
    }

    #[test]
    fn a_delivery_passes_by_any_of_the_values() {
        let configuration = BTreeMap::from([("Branch".into(), "main".into())]);
        let delivery =
            json!({"ref": "refs/heads/main", "n": 7, "on": true, "list": ["a", "b"], "none": null});
        let passes = |path, wanted| filter(path, wanted).passes(&delivery, &configuration);
        assert_eq!(passes("$.ref", Some("refs/heads/{Branch}")), Ok(()));
        assert_eq!(passes("$.n", Some("7")), Ok(()));
        assert_eq!(passes("$.on", Some("true")), Ok(()));
        assert_eq!(passes("$.list[*]", Some("b")), Ok(()));
        assert_eq!(passes("$.none", None), Ok(()));
        assert_eq!(passes("$.absent", None), Err(Mismatch::Absent("$.absent".into())));
        let different = Mismatch::Different { path: "$.ref".into(), wanted: "main".into() };
        assert_eq!(passes("$.ref", Some("{Branch}")), Err(different));
    }
}
