//! `stagewright package`: packages in repositories of CodeArtifact.

mod clean;
mod search;

use std::process::ExitCode;

use aws::Remote;
use clap::Subcommand;

use super::server_access::{self, AskedRegion, credentials};
use super::to_the_end;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Find packages by words of their names, keywords and descriptions
    Search(search::Arguments),
    /// Show which versions a retention rule lets go, or delete them
    Clean(clean::Arguments),
}

/// A repository on a running server.
#[derive(clap::Args)]
pub struct Repository {
    #[arg(long)]
    pub domain: String,
    /// The account of the domain [default: that of the key]
    #[arg(long, value_name = "ACCOUNT")]
    pub domain_owner: Option<String>,
    #[arg(long)]
    pub repository: String,
    /// The server's address; the key is that in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    endpoint: String,
    #[command(flatten)]
    region: AskedRegion,
}

pub fn run(arguments: Arguments) -> ExitCode {
    let work = async {
        match arguments.what {
            What::Search(arguments) => search::run(arguments).await,
            What::Clean(arguments) => clean::run(arguments).await,
        }
    };
    to_the_end(work, |error| matches!(error, Error::Access(_)))
}

impl Repository {
    /// A client with the key of the environment.
    pub fn connect(&self) -> Result<Remote, Error> {
        Ok(server_access::remote(&self.endpoint, &self.region, credentials()?)?)
    }
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Access(#[from] super::server_access::Error),
    #[error(transparent)]
    Call(#[from] aws::Error),
}
