//! `stagewright artifact service-token`: tokens of machines.

use std::process::ExitCode;

use aws::Remote;
use aws::protocol::json;
use codeartifact_model::{
    CreateServiceToken, ListServiceTokens, RevokeServiceToken, SERVICE_TOKEN, ServiceToken,
};

use super::super::run::view::clean;
use super::super::server_access::{self, AskedRegion};
use super::{Error, key};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The server's address; the key is that of the environment, else of the shared credentials file
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "AWS_ENDPOINT_URL",
        default_value = "http://127.0.0.1:4000"
    )]
    endpoint: String,
    #[command(flatten)]
    region: AskedRegion,
    /// Whose key of the shared credentials file to take
    #[arg(long, global = true)]
    profile: Option<String>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make one and print it, this once
    #[command(
        after_help = "The key needs the permissions codeartifact:CreateServiceToken on the repository and \
                            iam:PassRole on the role. The role's trust policy has to admit codeartifact.amazonaws.com."
    )]
    Create {
        #[command(flatten)]
        domain: Domain,
        /// The only repository that it is for
        #[arg(long)]
        repository: String,
        /// Whose permissions its bearer has, as far as the token goes
        #[arg(long, value_name = "ARN")]
        role_arn: String,
        /// What it is for; both may be given
        #[arg(long = "permission", value_enum, required = true)]
        permissions: Vec<Permission>,
        /// For whom it is
        #[arg(long)]
        description: Option<String>,
        /// How long it lasts [default: until it is revoked]
        #[arg(long)]
        days: Option<i32>,
    },
    /// Show those of a domain
    List {
        #[command(flatten)]
        domain: Domain,
        /// Print JSON
        #[arg(long = "json")]
        as_json: bool,
    },
    /// End one at once
    Revoke {
        #[command(flatten)]
        domain: Domain,
        /// Its id, as `list` shows it
        id: String,
    },
}

#[derive(clap::Args)]
struct Domain {
    #[arg(long)]
    domain: String,
    /// The account of the domain [default: that of the key]
    #[arg(long, value_name = "ACCOUNT")]
    domain_owner: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Permission {
    Read,
    Publish,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let key = key::credentials(arguments.profile.as_deref())?;
    let remote = server_access::remote(&arguments.endpoint, &arguments.region, key)?;
    match arguments.what {
        What::Create { domain, repository, role_arn, permissions, description, days } => {
            let as_text = |permission: &Permission| match permission {
                Permission::Read => "READ".to_owned(),
                Permission::Publish => "PUBLISH".to_owned(),
            };
            let asked = CreateServiceToken {
                domain: domain.domain,
                domain_owner: domain.domain_owner,
                repository,
                role_arn,
                permissions: permissions.iter().map(as_text).collect(),
                description,
                expires_in_days: days,
            };
            let made = remote.call(asked).await?;
            eprintln!("Service token {}; it is not shown again:", made.service_token.token_id);
            println!("{}", made.authorization_token);
        }
        What::List { domain, as_json } => {
            let tokens = list(&remote, domain).await?;
            if as_json {
                let shown: Vec<_> =
                    tokens.iter().map(|token| json::to_value(token, &SERVICE_TOKEN)).collect();
                println!("{}", serde_json::json!({ "serviceTokens": shown }));
            } else {
                tokens.iter().for_each(|token| println!("{}", clean(&line(token))));
            }
        }
        What::Revoke { domain, id } => {
            let asked =
                RevokeServiceToken { domain: domain.domain, domain_owner: domain.domain_owner, token_id: id };
            let revoked = remote.call(asked).await?.service_token;
            println!("Service token {} is revoked.", revoked.token_id);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(remote: &Remote, domain: Domain) -> Result<Vec<ServiceToken>, Error> {
    let (mut tokens, mut next) = (Vec::new(), None);
    loop {
        let asked = ListServiceTokens {
            domain: domain.domain.clone(),
            domain_owner: domain.domain_owner.clone(),
            max_results: None,
            next_token: next,
        };
        let page = remote.call(asked).await?;
        tokens.extend(page.service_tokens);
        next = page.next_token;
        if next.is_none() {
            return Ok(tokens);
        }
    }
}

fn line(token: &ServiceToken) -> String {
    let at = |time: Option<aws::Timestamp>| time.map(aws::Timestamp::to_iso8601_millis);
    format!(
        "{}  {}  {}  {}  expires {}  used {}  {}",
        token.token_id,
        token.repository,
        token.permissions.join("+"),
        token.role_arn,
        at(token.expiration).unwrap_or_else(|| "never".to_owned()),
        at(token.last_used_time).unwrap_or_else(|| "never".to_owned()),
        token.description.as_deref().unwrap_or_default()
    )
}
