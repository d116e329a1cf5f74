//! CodePipeline: stages and actions that turn a change into a deployment.
//!
//! `engine` is the pure core that holds every promise about order. `driver` keeps its state in the store and carries
//! out what it commands; `providers` do the work of actions; `operations` are the API.
//!
//! One execution's way: an operation or a change of a source gives the engine an event; the driver commits the new
//! state, the records, the events for the world and the queue entries in one transaction; a worker claims the entry,
//! assumes the pipeline's role, lets the provider work, and gives the engine the next event.

pub mod artifacts;
pub mod catalogue;
mod clock;
pub mod definition;
mod definitions;
mod driver;
pub mod engine;
pub mod error;
pub mod jobs;
mod meters;
mod needs;
mod operations;
pub mod providers;
pub mod records;
pub mod retention;
mod review_page;
mod role;
pub mod rules;
mod secrets;
mod settings;
pub mod tags;
pub mod triggers;
pub mod variables;
pub mod webhooks;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws::{Client, Compute};
use codepipeline_model::ActionTypeId;
use seal::Sealer;
use store::Store;

pub use error::Error;
pub use operations::router;
pub use review_page::ReviewPage;
pub use settings::Settings;

use crate::definitions::Definitions;
use crate::providers::Provider;
use crate::providers::github::GitHubHost;

/// The name under which roles admit this service.
pub const PRINCIPAL: &str = "codepipeline.amazonaws.com";

/// How long a claim on work holds without a sign of life: how long a crash delays what was under way.
const LEASE: Duration = Duration::from_secs(10);

/// About as often as AWS looks.
pub const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// The service's state. [`router`] serves its API, [`CodePipeline::run`] drives its pipelines.
pub struct CodePipeline {
    store: Store,
    client: Client,
    /// For secret values of action configuration.
    sealer: Sealer,
    definitions: Arc<Definitions>,
    polls: jobs::Polls,
    clock: clock::Clock,
    lease: Duration,
    settings: Settings,
    config: Config,
    /// Where sources of GitHub are fetched.
    github: Option<Arc<GitHubHost>>,
    /// Where the commands of compute actions run.
    compute: Option<Arc<dyn Compute>>,
    /// Does the work of its action types instead of those who do it here.
    stand_in: Option<&'static dyn Provider>,
}

/// What the operator says.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server's own address as others reach it: that of webhooks begins with it.
    pub endpoint: String,
    /// The API of GitHub, or of a server that speaks it, with which webhooks are registered:
    /// `https://api.github.com`. None: they cannot be.
    pub github_api: Option<String>,
    /// Between two looks at a branch of GitHub's version 1.
    pub poll_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { endpoint: String::new(), github_api: None, poll_interval: POLL_INTERVAL }
    }
}

impl CodePipeline {
    /// `client` needs no identity: the service gives itself one.
    pub fn new(store: Store, client: Client, sealer: Sealer) -> Self {
        Self {
            store,
            client,
            sealer,
            definitions: Arc::default(),
            polls: jobs::Polls::default(),
            clock: clock::Clock::default(),
            lease: LEASE,
            settings: Settings::default(),
            config: Config::default(),
            github: None,
            compute: None,
            stand_in: None,
        }
    }

    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Where sources of GitHub are, `https://github.com`, and a folder for what is being fetched. Without it they fail, and
    /// say so.
    #[must_use]
    pub fn with_github(mut self, url: String, folder: &Path) -> Self {
        self.github = Some(Arc::new(GitHubHost::new(folder, url)));
        self
    }

    /// Where compute actions and rules run their commands. Without it they fail, and say so.
    #[must_use]
    pub fn with_compute(mut self, compute: Arc<dyn Compute>) -> Self {
        self.compute = Some(compute);
        self
    }

    /// Lets a provider do the work of its action types, which are built in, instead of the one that does it here: how a
    /// measure has the driver alone before it.
    #[must_use]
    pub fn with_stand_in(mut self, provider: &'static dyn Provider) -> Self {
        self.stand_in = Some(provider);
        self
    }

    /// Takes up work that a crash interrupted after this time. Signs of life come three times as often.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// What holds for pipelines whose tags say nothing.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Drives all pipelines until the future is dropped. Dropping it at any point loses nothing: what was under way is
    /// taken up again, here or elsewhere, when its lease has ended.
    pub async fn run(self: Arc<Self>) {
        if let Some(github) = &self.github {
            github.clean_up();
        }
        driver::run(self).await;
    }

    /// Who does the work of actions of a type.
    fn provider(&self, id: &ActionTypeId) -> Option<&'static dyn Provider> {
        let stand_in = self.stand_in.filter(|stand_in| stand_in.action_types().iter().any(|own| own.is(id)));
        stand_in.or_else(|| providers::provider(id))
    }
}
