//! A job worker that lets a command do the work of a custom action type.
//!
//! It knows nothing of the server but its API, so it works with CodePipeline elsewhere as well.
//! Source: CodePipeline User Guide, "Create and add a custom action in CodePipeline".

mod artifacts;
mod command;
mod job;

use std::collections::BTreeMap;
use std::time::Duration;

use aws::remote::EndpointError;
use aws::{Credentials, Error, Region, Remote};
use codepipeline_model::{ActionTypeId, Job, PollForJobs};
use tokio::sync::watch;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How often a result is told before the worker gives up.
const ATTEMPTS: u32 = 6;

pub struct Settings {
    pub action_type: ActionTypeId,
    /// Name and value of the queryable property.
    pub query: Option<(String, String)>,
    /// Between two polls.
    pub longest_pause: Duration,
    pub command: Vec<String>,
    /// URLs of the two services.
    pub codepipeline: String,
    pub s3: String,
    pub region: Region,
    pub credentials: Credentials,
}

pub struct Worker {
    settings: Settings,
    codepipeline: Remote,
}

impl Worker {
    pub fn new(settings: Settings) -> Result<Self, EndpointError> {
        let codepipeline =
            Remote::new(&settings.codepipeline, settings.region.clone(), settings.credentials.clone())?;
        Ok(Self { settings, codepipeline })
    }

    /// Works on one job after the other until `stopped` is true; a job that is under way is brought to its end.
    /// Errors: what the endpoint refuses, as repeating it would not help.
    pub async fn run(&self, mut stopped: watch::Receiver<bool>) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
        while !*stopped.borrow() {
            match self.poll().await {
                // Not acknowledged, it goes to another worker.
                Ok(Some(_)) if *stopped.borrow() => break,
                Ok(Some(polled)) => {
                    pause = FIRST_PAUSE;
                    job::carry_out(self, polled).await;
                    continue;
                }
                Ok(None) => {}
                Err(error) if is_transient(&error) => {
                    tracing::warn!(%error, "the poll is repeated");
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // An error says that nobody can stop it any more.
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
            pause = pause.saturating_mul(2).min(self.settings.longest_pause);
        }
        Ok(())
    }

    async fn poll(&self) -> Result<Option<Job>, Error> {
        let poll = PollForJobs {
            action_type_id: self.settings.action_type.clone(),
            max_batch_size: Some(1),
            query_param: self.settings.query.clone().map(|query| BTreeMap::from([query])),
        };
        let jobs = self.codepipeline.call(poll).await?.jobs;
        Ok(jobs.into_iter().flatten().next())
    }

    /// A call that must not be lost: it is repeated while the endpoint cannot be reached.
    async fn insist<O: aws::Operation + Clone>(&self, input: O) -> Result<O::Output, Error> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.codepipeline.call(input.clone()).await {
                Err(error) if is_transient(&error) => {
                    tracing::warn!(%error, "the call is repeated");
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(4);
                }
                done => return done,
            }
        }
        self.codepipeline.call(input).await
    }
}

fn is_transient(error: &Error) -> bool {
    error.is_fault() && error.status != 501 || matches!(&*error.code, "ThrottlingException" | "SlowDown")
}
