//! A buildspec.

use codebuild::buildspec;
use document::Node;

use super::finding::{Findings, Spot};
use super::spelling;

/// Tells the first error, as the reader of builds stops there, and the keys that mean nothing.
pub fn examine(root: &Node, findings: &mut Findings) {
    match buildspec::parse(findings.text()) {
        Ok(spec) => {
            for key in spec.unknown_keys {
                let name = key.path.rsplit('.').next().unwrap_or_default();
                let spot = Spot { place: key.place, width: name.chars().count() };
                let help = spelling::help(name, key.known.iter().map(String::as_str));
                let message = format!("unknown key `{name}`: it means nothing here and is passed over");
                findings.warning(spot, &key.path, message).help(help);
            }
        }
        Err(error) => {
            findings.error(error.place.into(), "", error.message);
            unknown_top_keys(root, findings);
        }
    }
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
