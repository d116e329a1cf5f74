//! `stagewright job-worker`: attaches any tool to pipelines as the worker of a custom action type.

use std::process::ExitCode;
use std::time::Duration;

use aws::Region;
use codepipeline_model::ActionTypeId;
use tokio::signal::unix::{SignalKind, signal};

use super::{failed, wait_for};
use crate::job_worker::{Settings, Worker};
use crate::tracing_output;

#[derive(clap::Args)]
#[command(after_help = "The endpoint and the key are those of every AWS client: AWS_ENDPOINT_URL (or \
                  AWS_ENDPOINT_URL_CODEPIPELINE and AWS_ENDPOINT_URL_S3), AWS_REGION, AWS_ACCESS_KEY_ID, \
                  AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.\n\nThe command gets, as environment variables:\n  \
                  STAGEWRIGHT_INPUT_<NAME>   folder with the unpacked input artifact NAME\n  \
                  STAGEWRIGHT_OUTPUT_<NAME>  folder to fill; it becomes the output artifact NAME\n  \
                  STAGEWRIGHT_CONFIG_<KEY>   the action's configuration\n  \
                  STAGEWRIGHT_PIPELINE, _STAGE, _ACTION, _EXECUTION_ID, _ACTION_EXECUTION_ID, _JOB_ID\n  \
                  STAGEWRIGHT_REVISION       the revision that a source action shall take, if one is asked for\n  \
                  STAGEWRIGHT_CONTINUATION_TOKEN  what the last attempt left\nand may write to the files:\n  \
                  STAGEWRIGHT_VARIABLES      lines NAME=VALUE, the action's output variables\n  \
                  STAGEWRIGHT_NEW_REVISION   the revision that a source action took\n  \
                  STAGEWRIGHT_CONTINUE       a token: the work is not done, try again later\n\
                  It runs in the folder of the first input artifact. Exit code 0 is success; otherwise the action \
                  fails with the last lines that the command printed.")]
pub struct Arguments {
    /// Whose jobs to work on, for example Build/Custom/Jenkins/1
    #[arg(long, value_name = "CATEGORY/OWNER/PROVIDER/VERSION")]
    action_type: String,
    /// Only jobs with this value of the queryable property
    #[arg(long, value_name = "KEY=VALUE")]
    query: Option<String>,
    /// Longest pause between polls, in seconds; they grow up to it while there is nothing to do
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    longest_pause: u64,
    /// The tool and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub fn run(arguments: Arguments) -> ExitCode {
    tracing_output::start();
    let settings = match settings(arguments) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("stagewright: {error}");
            return ExitCode::from(2);
        }
    };
    match wait_for(work(settings)).map_err(Box::from).flatten() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

async fn work(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let worker = Worker::new(settings)?;
    let working = worker.run(stopped);
    tokio::pin!(working);
    loop {
        tokio::select! {
            ended = &mut working => return Ok(ended?),
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        tracing::info!("stopping after the job that is under way");
        stop.send_replace(true);
    }
}

fn settings(arguments: Arguments) -> Result<Settings, String> {
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = region.ok_or("AWS_REGION is not set")?;
    let region: Region = region.parse().map_err(|_| format!("AWS_REGION is no region: {region}"))?;
    let secret = variable("AWS_SECRET_ACCESS_KEY").ok_or("AWS_SECRET_ACCESS_KEY is not set")?;
    Ok(Settings {
        action_type: action_type(&arguments.action_type)?,
        query: arguments.query.as_deref().map(query).transpose()?,
        longest_pause: Duration::from_secs(arguments.longest_pause),
        command: arguments.command,
        codepipeline: endpoint("CODEPIPELINE", &region),
        s3: endpoint("S3", &region),
        credentials: aws::Credentials {
            access_key_id: variable("AWS_ACCESS_KEY_ID").ok_or("AWS_ACCESS_KEY_ID is not set")?,
            secret_access_key: secret.into(),
            session_token: variable("AWS_SESSION_TOKEN").map(aws::Secret::new),
            expires_at: None,
        },
        region,
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn endpoint(service: &str, region: &Region) -> String {
    let given = variable(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| variable("AWS_ENDPOINT_URL"));
    given.unwrap_or_else(|| format!("https://{}.{region}.amazonaws.com", service.to_lowercase()))
}

/// Errors: not four parts, or an action type that has no workers of its account's own.
fn action_type(text: &str) -> Result<ActionTypeId, String> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [category, "Custom", provider, version] => Ok(ActionTypeId {
            category: (*category).into(),
            owner: "Custom".into(),
            provider: (*provider).to_owned(),
            version: (*version).to_owned(),
        }),
        [_, owner, _, _] => Err(format!("only action types of owner Custom have workers here, not {owner}")),
        _ => Err(format!("--action-type must be CATEGORY/OWNER/PROVIDER/VERSION, not {text}")),
    }
}

fn query(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("--query must be KEY=VALUE, not {text}"))?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_type_has_four_parts_and_owner_custom() {
        assert_eq!(action_type("Build/Custom/Jenkins/1").map(|id| id.provider), Ok("Jenkins".to_owned()));
        for text in ["Build/AWS/CodeBuild/1", "Build/Custom/Jenkins", "", "a/Custom/b/c/d"] {
            assert!(action_type(text).is_err(), "{text}");
        }
    }
}
