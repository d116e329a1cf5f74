//! Starting builds in pods, and looking after their Jobs until they are gone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::ResourceExt;
use runner::{
    Attachment, Container, Context, Error, Executor, Folder, ImageName, Plan, Pool, Position, PullAs,
    Requested, State, Status, Unprovided, remote::RemoteExecutor,
};
use tokio::{sync::Notify, time::sleep};
use uuid::Uuid;

use crate::{
    cluster::{Cluster, Failure, Listed},
    job::{BUILD, Order, new_name},
    settings::{Server, Settings},
    verdict::{Verdict, verdict, waits_for},
};

/// Between two looks at the cluster while there are builds in it.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// After a request that was not answered.
const PAUSE: Duration = Duration::from_secs(2);

/// A new token, and the hash by which whoever shows it is known.
pub type NewToken = fn() -> (String, String);

/// Builds of a cluster's pods, beside those that `remote` has.
pub struct KubernetesExecutor {
    remote: Arc<RemoteExecutor>,
    care: Arc<Care>,
}

/// Of all Jobs of this server.
struct Care {
    remote: Arc<RemoteExecutor>,
    settings: Settings,
    server: Server,
    cluster: Cluster,
    new_token: NewToken,
    builds: Mutex<HashMap<Uuid, Tended>>,
    /// There is something to look at.
    changed: Notify,
}

/// A build that has a Job, or gets one.
#[derive(Clone)]
struct Tended {
    /// The Job's name.
    job: String,
    step: Step,
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Requests are under way.
    Making,
    /// The Job is there and was let go.
    Made,
    /// There may be a Job, or not; none is made any more.
    GivenUp,
}

impl KubernetesExecutor {
    pub fn new(remote: Arc<RemoteExecutor>, settings: Settings, server: Server, new_token: NewToken) -> Self {
        let care = Arc::new(Care {
            remote: remote.clone(),
            cluster: Cluster::new(settings.clone(), server.id),
            settings,
            server,
            new_token,
            builds: Mutex::default(),
            changed: Notify::new(),
        });
        Self { remote, care }
    }

    /// Takes away what an earlier server has left in the cluster, and looks after builds in it, until it is dropped.
    pub async fn look_after(&self) {
        self.care.look_after().await;
    }
}

impl Care {
    fn builds(&self) -> MutexGuard<'_, HashMap<Uuid, Tended>> {
        self.builds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_within(&self) -> Duration {
        Duration::from_secs(self.settings.start_seconds.into())
    }

    /// Offers the build to a pod, and has the pod made.
    async fn start(self: &Arc<Self>, plan: &Plan) -> Result<(), Error> {
        if self.remote.state(plan.id).await? != State::NotStarted {
            return Ok(());
        }
        let (token, proof) = (self.new_token)();
        let pool = Pool::Pod(proof);
        let plan = Plan { pool: Some(pool.clone()), ..plan.clone() };
        self.remote.start(&plan).await?;
        if !self.remote.is_for(plan.id, &pool) {
            // It is over already; or whoever drove the build before was faster.
            return Ok(());
        }
        let (image, privileged) = match self.image(plan.requested.as_ref()) {
            Ok(image) => image,
            Err(unfit) => return self.end(plan.id, unfit).await,
        };
        let tended = Tended { job: new_name(plan.id), step: Step::Making, since: Instant::now() };
        self.builds().insert(plan.id, tended.clone());
        self.changed.notify_one();
        let care = self.clone();
        tokio::spawn(async move {
            let step = care.make((&plan, &image, privileged), &tended, token).await;
            if let Some(tended) = care.builds().get_mut(&plan.id) {
                tended.step = step;
            }
        });
        Ok(())
    }

    /// What the pod runs in; without a wish of a project's, the image of workers. Errors: how the build ends.
    fn image(&self, requested: Option<&Requested>) -> Result<(ImageName, bool), Verdict> {
        let failed = |code, message| Verdict { status: Status::Failed, context: Context::new(code, message) };
        let unpulled = |image: &str| {
            ImageName::parse(image).map_err(|error| {
                let message =
                    format!("Unable to pull customer's container image. CannotPullContainerError: {error}");
                failed("BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE", message)
            })
        };
        let Some(requested) = requested else { return Ok((unpulled(&self.settings.worker_image)?, false)) };
        if requested.privileged && !self.settings.privileged {
            let message = "Privileged mode is not allowed on this server: its operator would have to set privileged = true in \
                           [builds.kubernetes]";
            return Err(failed("CLIENT_ERROR", message.to_owned()));
        }
        let image = self.settings.images.get(&requested.image).unwrap_or(&requested.image);
        Ok((unpulled(image)?, requested.privileged))
    }

    async fn end(&self, id: Uuid, verdict: Verdict) -> Result<(), Error> {
        tracing::info!(build.uuid = %id, why = verdict.context.message, "a build in a pod is ended");
        self.remote.end(id, verdict.status, verdict.context).await
    }

    /// Until the Job is there, or the build waits for none any more.
    async fn make(
        &self,
        (plan, image, privileged): (&Plan, &ImageName, bool),
        tended: &Tended,
        token: String,
    ) -> Step {
        let pull_as = plan.requested.as_ref().map_or(&PullAs::Operator, |requested| &requested.pull_as);
        let (settings, server, name) = (&self.settings, &self.server, tended.job.clone());
        let mut order = Order { settings, server, plan, image, privileged, pull_as, name, token };
        while self.remote.waits(plan.id) {
            match self.cluster.make(&order).await {
                Ok(()) => return Step::Made,
                Err(Failure::Refused(why)) => {
                    let verdict = Verdict::fault(format!("The cluster makes no Job for the build: {why}"));
                    self.end_surely(plan.id, verdict).await;
                    return Step::GivenUp;
                }
                Err(Failure::Unreachable(why)) if tended.since.elapsed() >= self.start_within() => {
                    let seconds = self.settings.start_seconds;
                    let verdict = Verdict::fault(format!(
                        "The cluster could make no Job for the build within {seconds} s: {why}"
                    ));
                    self.end_surely(plan.id, verdict).await;
                    return Step::GivenUp;
                }
                Err(Failure::Unreachable(why)) => {
                    tracing::warn!(%why, build.uuid = %plan.id, "no Job can be made now");
                    sleep(PAUSE).await;
                    // What became of the try before is not known.
                    order.name = new_name(plan.id);
                    if let Some(tended) = self.builds().get_mut(&plan.id) {
                        tended.job.clone_from(&order.name);
                    }
                }
            }
        }
        Step::GivenUp
    }

    async fn end_surely(&self, id: Uuid, verdict: Verdict) {
        while let Err(error) = self.end(id, verdict.clone()).await {
            tracing::warn!(%error, build.uuid = %id, "a build that has no pod cannot be ended");
            sleep(PAUSE).await;
        }
    }

    /// Looks at the cluster once for what an earlier server has left, and then for as long as there are builds in it.
    async fn look_after(&self) {
        let mut is_known = false;
        loop {
            while is_known && self.builds().is_empty() {
                self.changed.notified().await;
            }
            match self.look().await {
                Ok(()) => is_known = true,
                Err(error) => tracing::warn!(%error, "the cluster of builds does not answer"),
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn look(&self) -> Result<(), Failure> {
        let before = self.builds().clone();
        let listed = self.cluster.list().await?;
        // A Job that cannot be deleted is no reason to leave other builds alone.
        let mut looked = Ok(());
        for (id, tended) in before {
            looked = looked.and(self.tend(id, &tended, &listed).await);
        }
        for job in &listed.jobs {
            looked = looked.and(self.claim(job).await);
        }
        looked
    }

    async fn tend(&self, id: Uuid, tended: &Tended, listed: &Listed) -> Result<(), Failure> {
        let job = listed.jobs.iter().find(|job| job.name_any() == tended.job);
        let pod = pod_of(&tended.job, &listed.pods);
        let is_running = matches!(self.remote.state(id).await, Ok(State::Running) | Err(_));
        if !is_running && tended.step != Step::Making {
            self.cluster.delete(&tended.job).await?;
            self.builds().remove(&id);
            return Ok(());
        }
        let late = || {
            let is_late = self.remote.waits(id) && tended.since.elapsed() >= self.start_within();
            is_late.then(|| {
                let (seconds, why) = (self.settings.start_seconds, waits_for(job, pod));
                Verdict::fault(format!("The pod of the build has not begun within {seconds} s: {why}"))
            })
        };
        let found = if tended.step == Step::Made { verdict(job, pod).or_else(late) } else { None };
        if let Some(verdict) = found
            && let Err(error) = self.end(id, verdict).await
        {
            tracing::warn!(%error, build.uuid = %id, "a build that has no pod cannot be ended");
        }
        Ok(())
    }

    /// A Job that is not of a build in care: of an earlier server, or of a try that was given up.
    async fn claim(&self, job: &Job) -> Result<(), Failure> {
        let (name, build) = (job.name_any(), job.labels().get(BUILD));
        let Some(id) = build.and_then(|build| build.parse::<Uuid>().ok()) else { return Ok(()) };
        let tended = self.builds().get(&id).cloned();
        match tended {
            Some(tended) if tended.job == name => Ok(()),
            Some(_) => self.cluster.delete(&name).await,
            None if self.remote.is_leased(id) => {
                let tended = Tended { job: name, step: Step::Made, since: Instant::now() };
                self.builds().insert(id, tended);
                Ok(())
            }
            None => self.cluster.delete(&name).await,
        }
    }
}

fn pod_of<'a>(job: &str, pods: &'a [Pod]) -> Option<&'a Pod> {
    let is_owned = |pod: &&Pod| pod.owner_references().iter().any(|owner| owner.name == job);
    pods.iter().find(is_owned)
}

#[async_trait]
impl Executor for KubernetesExecutor {
    async fn prepare(&self, id: Uuid) -> Result<Folder, Error> {
        self.remote.prepare(id).await
    }

    async fn provide(&self, id: Uuid, container: &Container, pull_as: &PullAs) -> Result<(), Unprovided> {
        self.remote.provide(id, container, pull_as).await
    }

    async fn start(&self, plan: &Plan) -> Result<(), Error> {
        match plan.pool {
            Some(Pool::Cluster) => {
                let (care, plan) = (self.care.clone(), plan.clone());
                let id = plan.id;
                // In a task of its own: what was offered gets its pod although nobody waits for it any more.
                let started = tokio::spawn(async move { care.start(&plan).await }).await;
                started.unwrap_or_else(|error| Err(Error::Supervisor { id, reason: error.to_string() }))
            }
            Some(Pool::Common | Pool::Fleet(_) | Pool::Pod(_)) | None => self.remote.start(plan).await,
        }
    }

    async fn state(&self, id: Uuid) -> Result<State, Error> {
        self.remote.state(id).await
    }

    async fn attach(&self, id: Uuid, position: Position) -> Result<Attachment, Error> {
        self.remote.attach(id, position).await
    }

    async fn stop(&self, id: Uuid) -> Result<(), Error> {
        self.remote.stop(id).await
    }

    async fn remove(&self, id: Uuid) -> Result<(), Error> {
        self.remote.remove(id).await
    }

    /// A pod keeps nothing for the next one; this is for what ran here before.
    async fn discard_layers(&self, owner: &str) -> Result<(), Error> {
        self.remote.discard_layers(owner).await
    }
}
