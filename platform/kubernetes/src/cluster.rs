//! The requests to the cluster's API.

use std::time::Duration;

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Pod, Secret},
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{
    job::{BUILD, Order, SERVER},
    settings::Settings,
};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Nothing is watched: every answer comes at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The API of one cluster, and what in it belongs to one server.
pub(crate) struct Cluster {
    settings: Settings,
    server: Uuid,
    /// Made with the first request.
    client: OnceCell<Client>,
}

/// Why the cluster has not done something.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It would not do it another time either.
    #[error("{0}")]
    Refused(String),
    /// It may be asked again.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

/// The API of the cluster does not answer, or cannot do anything now.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreachable(String);

/// What there is of a server.
pub(crate) struct Listed {
    pub jobs: Vec<Job>,
    pub pods: Vec<Pod>,
}

impl Cluster {
    pub fn new(settings: Settings, server: Uuid) -> Self {
        Self { settings, server, client: OnceCell::new() }
    }

    async fn client(&self) -> Result<&Client, Failure> {
        let connect = || async {
            let mut config = self.config().await?;
            config.connect_timeout = Some(CONNECT_WITHIN);
            config.read_timeout = Some(ANSWER_WITHIN);
            // Whoever asks knows how long it may take.
            config.default_retry = false;
            Client::try_from(config).map_err(|error| Unreachable(error.to_string()))
        };
        Ok(self.client.get_or_try_init(connect).await?)
    }

    async fn config(&self) -> Result<Config, Unreachable> {
        let Some(path) = &self.settings.kubeconfig else {
            return Config::incluster().map_err(|error| Unreachable(error.to_string()));
        };
        let wrong = |error: String| Unreachable(format!("{}: {error}", path.display()));
        let kubeconfig = Kubeconfig::read_from(path).map_err(|error| wrong(error.to_string()))?;
        let options =
            KubeConfigOptions { context: self.settings.context.clone(), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        config.map_err(|error| wrong(error.to_string()))
    }

    async fn jobs(&self) -> Result<Api<Job>, Failure> {
        Ok(Api::namespaced(self.client().await?.clone(), &self.settings.namespace))
    }

    /// Makes the Job with its secrets and lets it go. Whatever was made before for the build goes.
    pub async fn make(&self, order: &Order<'_>) -> Result<(), Failure> {
        let jobs = self.jobs().await?;
        let of_build = format!("{},{BUILD}={}", self.own(), order.plan.id);
        let earlier = jobs.list(&ListParams::default().labels(&of_build)).await.map_err(failure)?;
        for job in earlier {
            self.delete(job.metadata.name.as_deref().unwrap_or_default()).await?;
        }
        let made = jobs.create(&PostParams::default(), &order.job()).await.map_err(failure)?;
        let secrets: Api<Secret> = Api::namespaced(self.client().await?.clone(), &self.settings.namespace);
        for secret in order.secrets(&made) {
            secrets.create(&PostParams::default(), &secret).await.map_err(failure)?;
        }
        let go = Patch::Merge(json!({"spec": {"suspend": false}}));
        jobs.patch(&order.name, &PatchParams::default(), &go).await.map_err(failure)?;
        Ok(())
    }

    /// Deletes a Job with what it owns. Fine if it is gone already.
    pub async fn delete(&self, job: &str) -> Result<(), Failure> {
        match self.jobs().await?.delete(job, &DeleteParams::background()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            deleted => deleted.map(|_| ()).map_err(failure),
        }
    }

    /// All that there is of this server.
    pub async fn list(&self) -> Result<Listed, Failure> {
        let own = ListParams::default().labels(&self.own());
        let pods: Api<Pod> = Api::namespaced(self.client().await?.clone(), &self.settings.namespace);
        let jobs = self.jobs().await?.list(&own).await.map_err(failure)?.items;
        // After the Jobs: what is told of a pod is not older than what is told of its Job.
        let pods = pods.list(&own).await.map_err(failure)?.items;
        Ok(Listed { jobs, pods })
    }

    fn own(&self) -> String {
        format!("{SERVER}={}", self.server)
    }
}

fn failure(error: kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => {
            let text = match status.message.is_empty() {
                true => format!("{} {}", status.code, status.reason),
                false => status.message.clone(),
            };
            // A quota has room again when other builds have ended; a credential is renewed.
            let is_quota = status.code == 403 && text.contains("exceeded quota");
            match status.code {
                400..=499 if !is_quota && !matches!(status.code, 401 | 408 | 429) => Failure::Refused(text),
                _ => Unreachable(text).into(),
            }
        }
        error => Unreachable(error.to_string()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_asked_again_is_told_from_what_is_refused() {
        let of = |code: u16, message: &str| {
            let status = kube::core::Status { code, message: message.to_owned(), ..Default::default() };
            matches!(failure(kube::Error::Api(Box::new(status))), Failure::Refused(_))
        };
        assert!(of(403, "jobs.batch is forbidden") && of(422, "invalid") && of(404, "no namespace"));
        assert!(!of(403, "exceeded quota: builds") && !of(500, "") && !of(429, "") && !of(401, ""));
    }
}
