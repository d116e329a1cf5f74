//! `stagewright artifact token`

use std::process::ExitCode;

use super::Error;
use super::server::Address;

#[derive(clap::Args)]
#[command(after_help = "The key needs the permissions codeartifact:GetAuthorizationToken on the domain and \
                  sts:GetServiceBearerToken.")]
pub struct Arguments {
    /// The repository's address, as GetRepositoryEndpoint says
    #[arg(long)]
    url: String,
    /// Servers that may be asked [default: that of the address]
    #[arg(long = "server", value_name = "URL")]
    servers: Vec<String>,
    /// Whose key of the shared credentials file to take [default: that of the environment, then AWS_PROFILE]
    #[arg(long)]
    profile: Option<String>,
    /// Print it as the value of an Authorization header
    #[arg(long)]
    header: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let Arguments { url, servers, profile, header } = arguments;
    let address = Address::parse(&url).filter(|address| servers.is_empty() || address.is_at(&servers));
    let address = address.ok_or_else(|| Error::Nothing(format!("{url} is no address of a repository")))?;
    let token = address.token(profile.as_deref()).await?;
    println!("{}{}", if header { "Bearer " } else { "" }, token.text);
    Ok(ExitCode::SUCCESS)
}
