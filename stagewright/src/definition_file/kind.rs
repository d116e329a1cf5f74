//! What a file defines, told from what stands in it.

use document::Node;

use super::finding::{Findings, Spot};
use super::spelling;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    Pipeline,
    Buildspec,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Buildspec => "buildspec",
        }
    }
}

/// The words at the top of a pipeline's definition, in all of its forms.
const PIPELINE_WORDS: [&str; 5] = ["pipeline", "stages", "Stages", "Resources", "Properties"];

pub fn of(root: &Node) -> Option<Kind> {
    if PIPELINE_WORDS.iter().any(|word| root.get(word).is_some()) {
        return Some(Kind::Pipeline);
    }
    let version = root.get("version").and_then(Node::text);
    let is_buildspec =
        root.get("phases").is_some() || version.is_some_and(|version| version.starts_with("0."));
    is_buildspec.then_some(Kind::Buildspec)
}

pub fn not_told(root: &Node, findings: &mut Findings) {
    let message = "neither the definition of a pipeline (it would have `stages`) nor a buildspec (`phases`)";
    let words = PIPELINE_WORDS.iter().chain(&["phases"]).copied();
    let slip = root.entries().iter().find_map(|(key, _)| {
        let close = spelling::closest(key.text()?, words.clone())?;
        Some((Spot::from(key), close))
    });
    match slip {
        Some((spot, close)) => {
            findings.error(spot, "", message).help(format!("did you mean `{close}`?"));
        }
        None => {
            let help = "say what it is with --as pipeline or --as buildspec".to_owned();
            findings.error(Spot::from(root), "", message).help(help);
        }
    }
}
