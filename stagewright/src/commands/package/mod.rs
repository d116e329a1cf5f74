//! `stagewright package`: packages in repositories of CodeArtifact.

mod clean;
mod search;

use std::process::ExitCode;

use aws::{Region, Remote};
use clap::Subcommand;

use super::server_access::credentials;
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
    /// The region of the domain
    #[arg(long, env = "AWS_DEFAULT_REGION", default_value = "us-east-1")]
    region: Region,
}

pub fn run(arguments: Arguments) -> ExitCode {
    to_the_end(async {
        match arguments.what {
            What::Search(arguments) => search::run(arguments).await,
            What::Clean(arguments) => clean::run(arguments).await,
        }
    })
}

impl Repository {
    /// A client with the key of the environment.
    pub fn connect(&self) -> Result<Remote, Error> {
        Ok(Remote::new(&self.endpoint, self.region.clone(), credentials()?)?)
    }
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Access(#[from] super::server_access::Error),
    #[error(transparent)]
    Endpoint(#[from] aws::remote::EndpointError),
    #[error(transparent)]
    Call(#[from] aws::Error),
}
