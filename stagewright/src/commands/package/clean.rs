//! `stagewright package clean`

use std::process::ExitCode;

use aws::protocol::json;
use codeartifact_model::{CLEANED_VERSION, CleanUpPackages, CleanedVersion};

use super::super::run::view::clean;
use super::{Error, Repository};

#[derive(clap::Args)]
#[command(
    after_help = "The key needs the permission codeartifact:CleanUpPackages on the repository.\nThe highest \
                        version of a package, and those that a tag as `latest` names, always stay."
)]
pub struct Arguments {
    #[command(flatten)]
    repository: Repository,
    /// What is kept, as 'newest=20 prerelease-days=30 unused-days=90' [default: that of the repository's tag
    /// stagewright:package-retention]
    #[arg(long)]
    rules: Option<String>,
    /// Delete; without it is only shown what would go
    #[arg(long)]
    delete: bool,
    /// Print JSON
    #[arg(long = "json")]
    as_json: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let remote = arguments.repository.connect()?;
    let (mut next, mut count, mut shown) = (None, 0, Vec::new());
    loop {
        let asked = CleanUpPackages {
            domain: arguments.repository.domain.clone(),
            domain_owner: arguments.repository.domain_owner.clone(),
            repository: arguments.repository.repository.clone(),
            rules: arguments.rules.clone(),
            dry_run: !arguments.delete,
            next_token: next,
        };
        let page = remote.call(asked).await?;
        count += page.versions.len();
        if arguments.as_json {
            shown.extend(page.versions.iter().map(|version| json::to_value(version, &CLEANED_VERSION)));
        } else {
            page.versions.iter().for_each(|version| println!("{}", clean(&line(version))));
        }
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    if arguments.as_json {
        println!("{}", serde_json::json!({ "versions": shown }));
    } else if arguments.delete {
        println!("{count} versions deleted");
    } else {
        println!("{count} versions would go; --delete deletes them");
    }
    Ok(ExitCode::SUCCESS)
}

fn line(version: &CleanedVersion) -> String {
    let namespace = version.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let downloaded = match version.last_downloaded_time {
        Some(at) => format!("downloaded {at}"),
        None => "never downloaded".to_owned(),
    };
    format!(
        "{:<8} {namespace}{} {}  published {}, {downloaded}: {}",
        version.format, version.package, version.version, version.published_time, version.reason
    )
}
