//! `stagewright artifact`: package managers and repositories of CodeArtifact.

mod credential_helper;
mod key;
mod login;
mod server;
mod service_token;
mod token;

use std::process::ExitCode;

use clap::Subcommand;

use super::to_the_end;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Let a package manager use a repository, by its own configuration files
    Login(login::Arguments),
    /// Print a token for a repository
    Token(token::Arguments),
    /// Make, list and revoke tokens of machines, which last longer than twelve hours
    ServiceToken(service_token::Arguments),
    /// Answer package managers that ask for a token; login tells them to
    #[command(subcommand)]
    CredentialHelper(credential_helper::Command),
}

/// What cargo calls a program with that it asks for tokens.
pub const CARGO_PLUGIN: &str = "--cargo-plugin";

/// Answers cargo, which asks for tokens.
pub fn cargo_plugin() -> ExitCode {
    block_on(credential_helper::cargo())
}

pub fn run(arguments: Arguments) -> ExitCode {
    block_on(async {
        match arguments.what {
            What::Login(arguments) => login::run(arguments).await,
            What::Token(arguments) => token::run(arguments).await,
            What::ServiceToken(arguments) => service_token::run(arguments).await,
            What::CredentialHelper(command) => credential_helper::run(command).await,
        }
    })
}

fn block_on(work: impl Future<Output = Result<ExitCode, Error>>) -> ExitCode {
    to_the_end(work, |error| matches!(error, Error::Access(_)))
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Access(#[from] super::server_access::Error),
    #[error(transparent)]
    Endpoint(#[from] aws::remote::EndpointError),
    #[error(transparent)]
    Call(#[from] aws::Error),
    #[error("{path}: {cause}")]
    File { path: String, cause: std::io::Error },
    #[error("{path}: {cause}. The file is left as it is.")]
    Unusable { path: String, cause: crate::package_tools::Unusable },
    #[error("{0}")]
    Nothing(String),
}

impl Error {
    fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |cause| Self::File { path, cause }
    }
}
