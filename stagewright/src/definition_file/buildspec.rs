//! A buildspec.

use codebuild::buildspec::{self, Why};
use document::{Node, Place, Value};

use super::finding::{Findings, Spot};
use super::spelling;

/// Tells all errors, and the keys that mean nothing.
pub fn examine(root: &Node, findings: &mut Findings) {
    match buildspec::parse(findings.text()) {
        Ok(spec) => {
            for key in spec.passed_over {
                let name = key.path.rsplit('.').next().unwrap_or_default();
                let spot = Spot { place: key.place, width: name.chars().count() };
                let (message, help) = match &key.why {
                    Why::Unknown { known } => (
                        format!("unknown key `{name}`: it means nothing here and is passed over"),
                        spelling::help(name, known.iter().map(String::as_str)),
                    ),
                    Why::Repeated => {
                        let message = format!(
                            "`{name}` is given once more below: that one counts, and this is passed over"
                        );
                        (message, None)
                    }
                };
                findings.warning(spot, &key.path, message).help(help);
            }
        }
        Err(_) => {
            for error in buildspec::errors(findings.text()) {
                let spot = node_at(root, error.place).map_or(error.place.into(), Spot::from);
                findings.error(spot, "", error.message);
            }
            unknown_top_keys(root, findings);
        }
    }
}

/// The innermost node that begins at a place. The depth of a document is bounded.
fn node_at(node: &Node, place: Place) -> Option<&Node> {
    let within = match &node.value {
        Value::Scalar { .. } => None,
        Value::Sequence(items) => items.iter().find_map(|item| node_at(item, place)),
        Value::Mapping(entries) => {
            entries.iter().find_map(|(key, value)| node_at(key, place).or_else(|| node_at(value, place)))
        }
    };
    within.or_else(|| (node.place == place).then_some(node))
}

/// A slip at the top is often why something is missing.
fn unknown_top_keys(root: &Node, findings: &mut Findings) {
    for (key, _) in root.entries() {
        let Some(name) = key.text().filter(|name| !buildspec::KEYS.contains(name)) else { continue };
        if let Some(close) = spelling::closest(name, buildspec::KEYS.iter().copied()) {
            let message = format!("unknown key `{name}`: it means nothing here and is passed over");
            findings.warning(Spot::from(key), name, message).help(format!("did you mean `{close}`?"));
        }
    }
}
