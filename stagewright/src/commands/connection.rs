//! `stagewright connection`: the operator's step that AWS's console does by a handshake with the Git host.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use codeconnections_model::{AuthorizeConnection, AuthorizeConnectionOutput};
use serde_json::json;

use super::server_access::{self, AskedRegion, credentials};
use super::{failed, misused, wait_for};

/// What a file with a secret may have at most.
const LONGEST_SECRET: u64 = 64 * 1024;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Give a connection the token with which it reaches its Git host, and make it available
    #[command(after_help = "The key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY needs the permission \
                      codeconnections:AuthorizeConnection on the connection.\nDoing it again replaces token, address \
                      and webhook.")]
    Authorize {
        /// The connection's ARN, as CreateConnection answered it
        arn: String,
        /// Address of the Git host, in front of OWNER/NAME [default: that of the connection's host, or the provider's
        /// public one]
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// File with the access token; - is standard input
        #[arg(long, value_name = "FILE")]
        token_file: PathBuf,
        /// Name that git shows beside the token [default: what the provider expects]
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// File with the secret of the Git host's webhook [default: one is made, and printed once]
        #[arg(long, value_name = "FILE")]
        webhook_secret_file: Option<PathBuf>,
        /// A running server
        #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
        endpoint: String,
        #[command(flatten)]
        region: AskedRegion,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub fn run(arguments: Arguments) -> ExitCode {
    let Command::Authorize { arn, url, token_file, user, webhook_secret_file, endpoint, region, json } =
        arguments.command;
    let asked = || -> Result<AuthorizeConnection, Box<dyn std::error::Error>> {
        Ok(AuthorizeConnection {
            connection_arn: arn,
            git_url: url,
            user_name: user,
            token: secret(&token_file)?,
            webhook_secret: webhook_secret_file.as_deref().map(secret).transpose()?,
        })
    };
    let authorized = asked().and_then(|input| wait_for(authorize(&endpoint, &region, input))?);
    match authorized {
        Ok(output) => print(&output, json),
        Err(error) if error.is::<server_access::Error>() => return misused(error),
        Err(error) => return failed(error),
    }
    ExitCode::SUCCESS
}

async fn authorize(
    endpoint: &str,
    region: &AskedRegion,
    input: AuthorizeConnection,
) -> Result<AuthorizeConnectionOutput, Box<dyn std::error::Error>> {
    let remote = server_access::remote(endpoint, region, credentials()?)?;
    Ok(remote.call(input).await?)
}

/// A file's text without the line break at its end.
fn secret(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().take(LONGEST_SECRET).read_to_string(&mut text),
        false => {
            std::fs::File::open(path).and_then(|file| file.take(LONGEST_SECRET).read_to_string(&mut text))
        }
    };
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn print(output: &AuthorizeConnectionOutput, as_json: bool) {
    if as_json {
        let shown = json!({"gitUrl": output.git_url, "webhookUrl": output.webhook_url,
            "webhookSecret": output.webhook_secret});
        println!("{shown}");
        return;
    }
    println!("The connection is available for repositories at {}/OWNER/NAME.", output.git_url);
    println!("Tell the Git host to deliver pushes and pull requests to");
    println!("  {}", output.webhook_url);
    match &output.webhook_secret {
        Some(secret) => println!("as JSON, with the secret (shown this once)\n  {secret}"),
        None => println!("as JSON, with the secret that you gave."),
    }
}
