//! The flags of `stagewright run`.

use std::path::PathBuf;
use std::str::FromStr;

use aws::Region;

#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 succeeded, 1 failed, rejected or stopped, 2 wrong usage or a definition with \
                        errors,\n130 ended by Ctrl-C.\n\nDeployed files, artifacts and logs are left in the output \
                        folder. docs/command-line.md tells the rest."
)]
pub struct Arguments {
    /// The pipeline's definition, JSON or YAML
    #[arg(value_name = "PIPELINE")]
    pub definition: PathBuf,
    /// Folder that the source actions take, or only the one named [default: .]
    #[arg(long, value_name = "[ACTION=]DIR")]
    pub source: Vec<Source>,
    /// Folder to leave artifacts, deployed files and logs in [default: .stagewright/run in the source]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// A CodeBuild project that the definition names, as the JSON of create-project
    #[arg(long, value_name = "FILE")]
    pub project: Vec<PathBuf>,
    /// The buildspec of a project, a path within its source
    #[arg(long, value_name = "PROJECT=PATH")]
    pub buildspec: Vec<Pair>,
    /// An environment variable of all builds
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<Pair>,
    /// A variable of the pipeline
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<Pair>,
    /// An output variable of a source action, where git does not tell it
    #[arg(long, value_name = "ACTION.NAME=VALUE")]
    pub source_var: Vec<Pair>,
    /// Leave an action out, by its name or as STAGE/ACTION
    #[arg(long, value_name = "ACTION")]
    pub skip: Vec<String>,
    /// Leave out every action of a type that is not served
    #[arg(long)]
    pub skip_unserved: bool,
    /// Region to run in [default: that of the only artifact store by region, else us-east-1]
    #[arg(long)]
    pub region: Option<Region>,
    /// Approve by itself
    #[arg(long)]
    pub yes: bool,
    /// Print one JSON object for each thing that happens
    #[arg(long)]
    pub json: bool,
}

/// `DIR` for all source actions, or `ACTION=DIR` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub action: Option<String>,
    pub folder: PathBuf,
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    /// What stands before `=` is an action unless it cannot be the name of one: `./a=b` is a folder.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |name: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '@' | '-' | '_');
            !name.is_empty() && name.chars().all(allowed)
        };
        Ok(match text.split_once('=') {
            Some((action, folder)) if is_name(action) => {
                Self { action: Some(action.to_owned()), folder: folder.into() }
            }
            Some(_) | None => Self { action: None, folder: text.into() },
        })
    }
}

/// `NAME=VALUE`; the value may be empty and may hold further `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub name: String,
    pub value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            Some(_) | None => Err("it must be NAME=VALUE".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_folder_or_an_actions_folder() {
        let source = |text: &str| text.parse::<Source>().unwrap();
        assert_eq!(source("dir"), Source { action: None, folder: "dir".into() });
        assert_eq!(source("Fetch=dir"), Source { action: Some("Fetch".into()), folder: "dir".into() });
        assert_eq!(source("./a=b"), Source { action: None, folder: "./a=b".into() });
    }

    #[test]
    fn a_pair_is_cut_at_the_first_sign() {
        assert_eq!("A=b=c".parse::<Pair>().unwrap(), Pair { name: "A".into(), value: "b=c".into() });
        assert_eq!("A=".parse::<Pair>().unwrap().value, "");
        assert!("=b".parse::<Pair>().is_err() && "A".parse::<Pair>().is_err());
    }
}
