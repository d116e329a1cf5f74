//! `stagewright artifact login`

mod files;
mod plan;

use std::process::ExitCode;

use aws::Remote;
use codeartifact_model::{GetRepositoryEndpoint, PackageFormat};

use self::files::{Edit, Home};
use super::super::server_access::{self, AskedRegion};
use super::server::{self, Address};
use super::{Error, key};
use crate::package_tools::{Access, Helper, Registry};

#[derive(clap::Args)]
#[command(
    after_help = "The key needs the permissions codeartifact:GetRepositoryEndpoint on the repository, \
                  codeartifact:GetAuthorizationToken on the domain and sts:GetServiceBearerToken.\nIt is that of the \
                  environment, else of the shared credentials file (~/.aws/credentials). What asks for tokens by itself \
                  later needs it again."
)]
pub struct Arguments {
    /// The package manager
    #[arg(long, value_enum)]
    tool: Tool,
    /// The repository's domain
    #[arg(long)]
    domain: String,
    /// The account of the domain [default: that of the key]
    #[arg(long, value_name = "ACCOUNT")]
    domain_owner: Option<String>,
    #[arg(long)]
    repository: String,
    /// Take only packages of this scope from the repository (npm, pnpm, yarn)
    #[arg(long, value_name = "SCOPE")]
    namespace: Option<String>,
    /// What the package manager calls the repository [default: DOMAIN-REPOSITORY]
    #[arg(long)]
    name: Option<String>,
    /// The folder of a project that gets the repository as a source (poetry)
    #[arg(long, value_name = "DIR")]
    project: Option<std::path::PathBuf>,
    /// How long a token lasts that is written down, in seconds, 900 to 43200
    #[arg(long, value_name = "SECONDS")]
    duration_seconds: Option<i64>,
    /// Write this token instead of getting one, for example a service token; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "duration_seconds")]
    token_file: Option<std::path::PathBuf>,
    /// Write a token also where the package manager could ask for new ones
    #[arg(long)]
    no_helper: bool,
    /// Folder on the PATH where the program keyring is put, for pip and uv [default: ~/.local/bin]
    #[arg(long, value_name = "DIR")]
    bin: Option<std::path::PathBuf>,
    /// Only show what would be changed, tokens masked
    #[arg(long)]
    dry_run: bool,
    /// Whose key of the shared credentials file to take, now and later
    #[arg(long)]
    profile: Option<String>,
    /// The server's address
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    endpoint: String,
    #[command(flatten)]
    region: AskedRegion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Tool {
    Npm,
    Pnpm,
    /// From version 2 on; yarn 1 reads what npm does
    Yarn,
    Pip,
    Uv,
    Poetry,
    Twine,
    Cargo,
    Maven,
    Gradle,
}

impl Tool {
    fn format(self) -> PackageFormat {
        match self {
            Self::Npm | Self::Pnpm | Self::Yarn => PackageFormat::Npm,
            Self::Pip | Self::Uv | Self::Poetry | Self::Twine => PackageFormat::Pypi,
            Self::Cargo => PackageFormat::Cargo,
            Self::Maven | Self::Gradle => PackageFormat::Maven,
        }
    }

    /// Whether it can be told to run a command for each token.
    fn asks_helpers(self) -> bool {
        match self {
            Self::Pnpm | Self::Pip | Self::Uv | Self::Cargo | Self::Gradle => true,
            Self::Npm | Self::Yarn | Self::Poetry | Self::Twine | Self::Maven => false,
        }
    }

    fn has_scopes(self) -> bool {
        matches!(self, Self::Npm | Self::Pnpm | Self::Yarn)
    }
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    if arguments.namespace.is_some() && !arguments.tool.has_scopes() {
        return Err(Error::Nothing("only npm, pnpm and yarn know namespaces".to_owned()));
    }
    let key = key::credentials(arguments.profile.as_deref())?;
    let remote = server_access::remote(&arguments.endpoint, &arguments.region, key)?;
    let asked = GetRepositoryEndpoint {
        domain: arguments.domain.clone(),
        domain_owner: arguments.domain_owner.clone(),
        repository: arguments.repository.clone(),
        format: arguments.tool.format(),
        ..GetRepositoryEndpoint::default()
    };
    let endpoint = remote.call(asked).await?.repository_endpoint;
    let address = endpoint.as_deref().and_then(Address::parse);
    let (Some(endpoint), Some(address)) = (endpoint, address) else {
        return Err(Error::Nothing("the server is no Stagewright: it answered no address of one".to_owned()));
    };
    let (access, lasts) = access(&arguments, &remote, &address).await?;
    let usual = format!("{}-{}", arguments.domain, arguments.repository.replace('.', "-"));
    let registry = Registry {
        endpoint,
        name: arguments.name.clone().unwrap_or(usual),
        scope: arguments.namespace.as_ref().map(|scope| scope.trim_start_matches('@').to_owned()),
        access,
    };
    let home = Home::of_environment()?;
    let edits = plan::edits(&arguments, &registry, &home)?;
    // All files can be changed: now they are.
    for edit in &edits {
        if arguments.dry_run { edit.show(&registry) } else { edit.write()? }
    }
    if !arguments.dry_run {
        println!("{}", told(&arguments, &registry, &edits, &lasts));
    }
    Ok(ExitCode::SUCCESS)
}

/// How the package manager proves who asks, and for how long that is good.
async fn access(
    arguments: &Arguments,
    remote: &Remote,
    address: &Address,
) -> Result<(Access, String), Error> {
    if let Some(path) = &arguments.token_file {
        let text = files::token(path)?;
        return Ok((Access::Token(text), "as long as the token that you gave".to_owned()));
    }
    if arguments.tool.asks_helpers() && !arguments.no_helper {
        let program = std::env::current_exe().map_err(Error::file(std::path::Path::new("this program")))?;
        let helper = Helper {
            program: program.display().to_string(),
            servers: vec![address.server.clone()],
            profile: arguments.profile.clone(),
        };
        return Ok((
            Access::Helper(helper),
            "for good: a new token is got whenever one is needed".to_owned(),
        ));
    }
    let owner = arguments.domain_owner.clone();
    let token = server::token(remote, &arguments.domain, owner, arguments.duration_seconds).await?;
    let lasts = format!("until {}: log in again then", token.expires.to_iso8601_millis());
    Ok((Access::Token(token.text), lasts))
}

fn told(arguments: &Arguments, registry: &Registry, edits: &[Edit], lasts: &str) -> String {
    let mut lines = Vec::new();
    for edit in edits {
        let word = if edit.is_change() { "changed" } else { "left as it is" };
        lines.push(format!("{}: {word}", edit.path.display()));
    }
    lines.push(format!("It works {lasts}."));
    let name = &registry.name;
    match arguments.tool {
        Tool::Cargo => lines.push(format!(
            "Depend on its crates with `registry = \"{name}\"`; publish with `cargo publish --registry {name}`."
        )),
        Tool::Twine => lines.push(format!("Publish with `twine upload --repository {name} FILE…`.")),
        Tool::Poetry if arguments.project.is_none() => lines.push(format!(
            "Let a project use it: `poetry source add {name} {}simple/`, or log in with --project DIR.",
            registry.endpoint
        )),
        Tool::Maven => lines.push(format!(
            "Publish with `mvn deploy -DaltDeploymentRepository={name}::default::{}`.",
            registry.endpoint
        )),
        Tool::Pip if registry.is_plain_http() && !is_loopback(registry.host()) => lines.push(format!(
            "pip takes nothing over plain HTTP from {0} unless it is told `--trusted-host {0}`.",
            registry.host()
        )),
        Tool::Pip | Tool::Uv | Tool::Npm | Tool::Pnpm | Tool::Yarn | Tool::Poetry | Tool::Gradle => {}
    }
    if matches!(arguments.tool, Tool::Pip | Tool::Uv)
        && let Some(shim) = edits.iter().find(|edit| edit.is_program())
        && !plan::is_found(&shim.path)
    {
        lines.push(format!(
            "{} is not what `keyring` finds: put its folder in front of the PATH.",
            shim.path.display()
        ));
    }
    lines.join("\n")
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}
