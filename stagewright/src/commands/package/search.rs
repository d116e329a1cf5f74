//! `stagewright package search`

use std::process::ExitCode;

use aws::protocol::json;
use codeartifact_model::{FoundPackage, PackageFormat, SEARCH_PACKAGES_OUTPUT, SearchPackages};

use super::super::run::view::clean;
use super::{Error, Repository};

#[derive(clap::Args)]
#[command(after_help = "The key needs the permission codeartifact:SearchPackages on the repository.")]
pub struct Arguments {
    /// What words begin with: in the name, the keywords or the description
    #[arg(required = true)]
    words: Vec<String>,
    #[command(flatten)]
    repository: Repository,
    /// Only packages of this format: npm, pypi, cargo …
    #[arg(long)]
    format: Option<String>,
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
    /// Print JSON
    #[arg(long = "json")]
    as_json: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let remote = arguments.repository.connect()?;
    let asked = SearchPackages {
        domain: arguments.repository.domain,
        domain_owner: arguments.repository.domain_owner,
        repository: arguments.repository.repository,
        format: arguments.format.map(|format| PackageFormat::from(format.as_str())),
        text: arguments.words.join(" "),
        max_results: Some(arguments.limit),
    };
    let found = remote.call(asked).await?;
    if arguments.as_json {
        println!("{}", json::to_value(&found, &SEARCH_PACKAGES_OUTPUT));
        return Ok(ExitCode::SUCCESS);
    }
    for package in &found.packages {
        println!("{}", clean(&line(package)));
    }
    let hidden = usize::try_from(found.total).unwrap_or(0).saturating_sub(found.packages.len());
    if found.is_more {
        println!("More packages have these words: add a word.");
    } else if hidden > 0 {
        println!("{hidden} more: --limit shows them.");
    }
    Ok(ExitCode::SUCCESS)
}

/// `npm    @acme/tables 1.0.0  Rows and columns`
fn line(package: &FoundPackage) -> String {
    let name = match (&package.namespace, package.format.as_str()) {
        (Some(scope), "npm") => format!("@{scope}/{}", package.package),
        (Some(group), "maven") => format!("{group}:{}", package.package),
        (Some(namespace), _) => format!("{namespace}/{}", package.package),
        (None, _) => package.package.clone(),
    };
    let summary = package.summary.as_deref().unwrap_or_default();
    format!("{:<8} {name} {}  {summary}", package.format, package.version)
}
