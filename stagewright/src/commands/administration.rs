//! `stagewright user` and `stagewright key`: administration of a data folder that no server has open, for who has
//! lost the last key. Everything else is for the AWS CLI.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use aws::Client;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{failed, wait_for};
use crate::config::Config;
use crate::platform::{Platform, snapshot};

const ADMINISTRATOR_ACCESS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

#[derive(clap::Args)]
pub struct UserArguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(clap::Args)]
pub struct KeyArguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(clap::Args)]
struct Target {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum UserCommand {
    /// List users
    List,
    /// Make a user
    Create {
        name: String,
        /// Attach AdministratorAccess
        #[arg(long)]
        administrator: bool,
    },
    /// Delete a user without keys, policies and groups
    Delete { name: String },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// List a user's access keys
    List { user: String },
    /// Make an access key and print it, once
    Create { user: String },
    /// Delete an access key
    Delete { user: String, id: String },
}

pub fn user(arguments: &UserArguments) -> ExitCode {
    with_client(&arguments.target, async |client| match &arguments.command {
        UserCommand::List => {
            let mut names = Vec::new();
            let mut marker = None;
            loop {
                let page = client.call(iam_model::ListUsers { marker, ..Default::default() }).await?;
                names.extend(page.users.into_iter().map(|user| user.user_name));
                marker = page.marker;
                if marker.is_none() {
                    return Ok(json!({ "users": names }));
                }
            }
        }
        UserCommand::Create { name, administrator } => {
            client.call(iam_model::CreateUser { user_name: name.clone(), ..Default::default() }).await?;
            if *administrator {
                let policy_arn = ADMINISTRATOR_ACCESS.to_owned();
                client.call(iam_model::AttachUserPolicy { user_name: name.clone(), policy_arn }).await?;
            }
            Ok(json!({ "user": name }))
        }
        UserCommand::Delete { name } => {
            client.call(iam_model::DeleteUser { user_name: name.clone() }).await?;
            Ok(json!({ "deleted": name }))
        }
    })
}

pub fn key(arguments: &KeyArguments) -> ExitCode {
    with_client(&arguments.target, async |client| match &arguments.command {
        KeyCommand::List { user } => {
            let input = iam_model::ListAccessKeys { user_name: Some(user.clone()), ..Default::default() };
            let keys = client.call(input).await?.access_key_metadata;
            let rows = keys.into_iter().map(
                |key| json!({"id": key.access_key_id, "status": key.status.map(|status| status.to_string())}),
            );
            Ok(json!({ "keys": rows.collect::<Vec<_>>() }))
        }
        KeyCommand::Create { user } => {
            let input = iam_model::CreateAccessKey { user_name: Some(user.clone()) };
            let key = client.call(input).await?.access_key;
            Ok(json!({"accessKeyId": key.access_key_id, "secretAccessKey": key.secret_access_key}))
        }
        KeyCommand::Delete { user, id } => {
            let input =
                iam_model::DeleteAccessKey { user_name: Some(user.clone()), access_key_id: id.clone() };
            client.call(input).await?;
            Ok(json!({ "deleted": id }))
        }
    })
}

/// Opens the data folder, works as its first administrator, and prints what came of it.
fn with_client(target: &Target, work: impl AsyncFnOnce(Client) -> Result<Value, aws::Error>) -> ExitCode {
    // Opening would make a folder, with an administrator whose key nobody would ever see.
    if let Err(error) = snapshot::check_data(&target.data) {
        return failed(error);
    }
    let done = wait_for(async {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let platform = match Platform::open(&Config::local(target.data.clone()), nowhere, None).await {
            Ok(platform) => platform,
            Err(error) => return failed(error),
        };
        let done = work(platform.as_administrator()).await;
        platform.close().await;
        match done {
            Ok(value) if target.json => println!("{value}"),
            Ok(value) => print_plain(&value),
            Err(error) => return failed(error),
        }
        ExitCode::SUCCESS
    });
    done.unwrap_or_else(failed)
}

fn print_plain(value: &Value) {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => {
                for item in items {
                    println!("{}", shown(item));
                }
            }
            value => println!("{name}: {}", shown(value)),
        }
    }
}
