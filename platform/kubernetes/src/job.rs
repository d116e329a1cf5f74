//! The Job of a build and its secrets. Pure.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use k8s_openapi::{
    ByteString,
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{
            Container, EmptyDirVolumeSource, EnvVar, EnvVarSource, KeyToPath, LocalObjectReference, PodSpec,
            PodTemplateSpec, ResourceRequirements, Secret, SecretKeySelector, SecretVolumeSource,
            SecurityContext, Toleration, Volume, VolumeMount,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{ObjectMeta, OwnerReference},
    },
};
use runner::{ImageName, Limits, Plan, Pull, PullAs, RegistryUser};
use serde_json::json;
use uuid::Uuid;

use crate::settings::{Server, Settings};

/// Whose a Job or a pod is: the server's, and the build's.
pub(crate) const SERVER: &str = "stagewright.dev/server";
pub(crate) const BUILD: &str = "stagewright.dev/build";
/// The container in which the build runs.
pub(crate) const CONTAINER: &str = "build";
/// The variable with the token of the build, in its pod.
pub const BUILD_TOKEN: &str = "STAGEWRIGHT_BUILD_TOKEN";
const TOKEN_KEY: &str = "token";
const PROGRAM_FOLDER: &str = "/stagewright";
const PROGRAM: &str = "/stagewright/stagewright";
/// The variable by which workers trust one file and nothing else.
const AUTHORITIES: &str = "AWS_CA_BUNDLE";
const AUTHORITY_VOLUME: &str = "authority";
const AUTHORITY_FOLDER: &str = "/stagewright-authority";
const AUTHORITY: &str = "authority.pem";
/// The folder of the worker: on the file system of the build's.
const DATA: &str = "/codebuild/.stagewright";
/// Beyond the build's own time, after which the cluster ends what this server has not.
const SLACK_SECONDS: u64 = 300;
/// How long a build may go on in a pod that is to go.
const DRAIN_SECONDS: u64 = 5;
const GRACE_SECONDS: i64 = 30;

/// Everything that a Job is made of.
pub(crate) struct Order<'a> {
    pub settings: &'a Settings,
    pub server: &'a Server,
    pub plan: &'a Plan,
    pub image: &'a ImageName,
    pub privileged: bool,
    pub pull_as: &'a PullAs,
    /// Another for each try.
    pub name: String,
    /// With which the pod asks for its build.
    pub token: String,
}

/// A name that no earlier Job of the build has.
pub(crate) fn new_name(build: Uuid) -> String {
    let attempt = Uuid::new_v4().simple().to_string();
    format!("stagewright-{build}-{}", &attempt[..6])
}

impl Order<'_> {
    fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("app.kubernetes.io/managed-by".to_owned(), "stagewright".to_owned()),
            (SERVER.to_owned(), self.server.id.to_string()),
            (BUILD.to_owned(), self.plan.id.to_string()),
        ])
    }

    fn pull_secret(&self) -> String {
        format!("{}-registry", self.name)
    }

    /// It waits until its secrets are there.
    pub fn job(&self) -> Job {
        let start = u64::from(self.settings.start_seconds);
        let deadline = self.plan.timeout_seconds.saturating_add(start).saturating_add(SLACK_SECONDS);
        Job {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.settings.namespace.clone()),
                labels: Some(self.labels()),
                ..ObjectMeta::default()
            },
            spec: Some(JobSpec {
                suspend: Some(true),
                // A build runs once.
                backoff_limit: Some(0),
                active_deadline_seconds: Some(i64::try_from(deadline).unwrap_or(i64::MAX)),
                ttl_seconds_after_finished: Some(
                    i32::try_from(self.settings.keep_seconds).unwrap_or(i32::MAX),
                ),
                template: PodTemplateSpec {
                    metadata: Some(ObjectMeta { labels: Some(self.labels()), ..ObjectMeta::default() }),
                    spec: Some(self.pod()),
                },
                ..JobSpec::default()
            }),
            status: None,
        }
    }

    fn pod(&self) -> PodSpec {
        let settings = self.settings;
        let pull_secrets = match self.pull_as {
            PullAs::Operator => settings.pull_secrets.clone(),
            PullAs::Anybody => vec![],
            PullAs::User(_) => vec![self.pull_secret()],
        };
        let node_selector = Some(settings.node_selector.clone()).filter(|labels| !labels.is_empty());
        PodSpec {
            restart_policy: Some("Never".to_owned()),
            // A build is nobody in the cluster.
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            service_account_name: settings.service_account.clone(),
            image_pull_secrets: Some(
                pull_secrets.into_iter().map(|name| LocalObjectReference { name }).collect(),
            ),
            node_selector,
            tolerations: Some(settings.tolerations.iter().map(toleration).collect()),
            termination_grace_period_seconds: Some(GRACE_SECONDS),
            init_containers: Some(vec![self.program()]),
            containers: vec![self.build()],
            volumes: Some(self.volumes()),
            ..PodSpec::default()
        }
    }

    /// Puts the worker's program where the build's container finds it.
    fn program(&self) -> Container {
        Container {
            name: "program".to_owned(),
            image: Some(self.settings.worker_image.clone()),
            image_pull_policy: Some(policy(self.settings.pull)),
            command: Some(["cp", &self.settings.worker_program, PROGRAM].map(str::to_owned).to_vec()),
            volume_mounts: Some(vec![mount("program", PROGRAM_FOLDER, false)]),
            ..Container::default()
        }
    }

    fn build(&self) -> Container {
        let build = self.plan.id.to_string();
        let drain = DRAIN_SECONDS.to_string();
        let arguments = [
            ["--executor", "direct"],
            ["--build", &build],
            ["--server", &self.settings.server_url],
            ["--data", DATA],
            ["--name", &self.name],
            ["--drain", &drain],
        ];
        Container {
            name: CONTAINER.to_owned(),
            image: Some(self.image.to_string()),
            image_pull_policy: Some(policy(self.settings.pull)),
            command: Some(vec![PROGRAM.to_owned(), "worker".to_owned()]),
            args: Some(arguments.concat().into_iter().map(str::to_owned).collect()),
            env: Some(self.environment()),
            resources: Some(resources(&self.plan.limits)),
            security_context: Some(SecurityContext {
                privileged: Some(self.privileged),
                // As everywhere else: `run-as` may name another user.
                run_as_user: Some(0),
                ..SecurityContext::default()
            }),
            volume_mounts: Some(self.mounts()),
            working_dir: Some("/".to_owned()),
            ..Container::default()
        }
    }

    /// Of the worker. The build sees none of it.
    fn environment(&self) -> Vec<EnvVar> {
        let token =
            SecretKeySelector { name: self.name.clone(), key: TOKEN_KEY.to_owned(), optional: Some(false) };
        let token = EnvVar {
            name: BUILD_TOKEN.to_owned(),
            value_from: Some(EnvVarSource { secret_key_ref: Some(token), ..EnvVarSource::default() }),
            ..EnvVar::default()
        };
        let authority = self.server.authority.as_ref().map(|_| EnvVar {
            name: AUTHORITIES.to_owned(),
            value: Some(format!("{AUTHORITY_FOLDER}/{AUTHORITY}")),
            ..EnvVar::default()
        });
        std::iter::once(token).chain(authority).collect()
    }

    fn volumes(&self) -> Vec<Volume> {
        let authority = self.server.authority.as_ref().map(|_| {
            let file = KeyToPath { key: AUTHORITY.to_owned(), path: AUTHORITY.to_owned(), mode: None };
            let secret = SecretVolumeSource {
                secret_name: Some(self.name.clone()),
                items: Some(vec![file]),
                ..SecretVolumeSource::default()
            };
            Volume { name: AUTHORITY_VOLUME.to_owned(), secret: Some(secret), ..Volume::default() }
        });
        ["program", "build"].map(empty_folder).into_iter().chain(authority).collect()
    }

    fn mounts(&self) -> Vec<VolumeMount> {
        let folders = [mount("program", PROGRAM_FOLDER, true), mount("build", "/codebuild", false)];
        let authority = self.server.authority.as_ref();
        let authority = authority.map(|_| mount(AUTHORITY_VOLUME, AUTHORITY_FOLDER, true));
        folders.into_iter().chain(authority).collect()
    }

    /// Go with their owner, the Job.
    pub fn secrets(&self, owner: &Job) -> Vec<Secret> {
        let owner = OwnerReference {
            api_version: "batch/v1".to_owned(),
            kind: "Job".to_owned(),
            name: self.name.clone(),
            uid: owner.metadata.uid.clone().unwrap_or_default(),
            ..OwnerReference::default()
        };
        let secret = |name: String, kind: &str, content: BTreeMap<String, ByteString>| Secret {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(self.settings.namespace.clone()),
                labels: Some(self.labels()),
                owner_references: Some(vec![owner.clone()]),
                ..ObjectMeta::default()
            },
            type_: Some(kind.to_owned()),
            data: Some(content),
            immutable: Some(true),
            ..Secret::default()
        };
        let part = |key: &str, text: &str| (key.to_owned(), ByteString(text.as_bytes().to_vec()));
        let authority = self.server.authority.as_ref().map(|authority| part(AUTHORITY, authority));
        let own = std::iter::once(part(TOKEN_KEY, &self.token)).chain(authority).collect();
        let mut secrets = vec![secret(self.name.clone(), "Opaque", own)];
        if let PullAs::User(user) = self.pull_as {
            let accounts = BTreeMap::from([part(".dockerconfigjson", &accounts(self.image, user))]);
            secrets.push(secret(self.pull_secret(), "kubernetes.io/dockerconfigjson", accounts));
        }
        secrets
    }
}

/// The file that kubelets read names and passwords of registries from.
fn accounts(image: &ImageName, user: &RegistryUser) -> String {
    let auth = BASE64_STANDARD.encode(format!("{}:{}", user.name, user.password));
    let account = json!({"username": user.name, "password": user.password, "auth": auth});
    let registry = match image.registry() {
        "docker.io" => "https://index.docker.io/v1/",
        registry => registry,
    };
    json!({"auths": {registry: account}}).to_string()
}

/// What is asked for is what there may be at most: builds are not to be disturbed by others, as on AWS.
fn resources(limits: &Limits) -> ResourceRequirements {
    let memory = limits.memory_bytes.map(|bytes| ("memory".to_owned(), Quantity(bytes.to_string())));
    let processors = limits.processors.map(|count| ("cpu".to_owned(), Quantity(count.to_string())));
    let bounds: BTreeMap<_, _> = memory.into_iter().chain(processors).collect();
    ResourceRequirements { requests: Some(bounds.clone()), limits: Some(bounds), ..Default::default() }
}

fn policy(pull: Pull) -> String {
    match pull {
        Pull::Missing => "IfNotPresent",
        Pull::Always => "Always",
    }
    .to_owned()
}

fn toleration(given: &crate::settings::Toleration) -> Toleration {
    Toleration {
        key: given.key.clone(),
        operator: given.operator.clone(),
        value: given.value.clone(),
        effect: given.effect.clone(),
        ..Toleration::default()
    }
}

fn empty_folder(name: &str) -> Volume {
    let empty_dir = Some(EmptyDirVolumeSource::default());
    Volume { name: name.to_owned(), empty_dir, ..Volume::default() }
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(read_only),
        ..VolumeMount::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pod_trusts_and_pulls_with_is_in_secrets_that_its_job_owns() {
        let id = Uuid::new_v4();
        let plan = json!({"id": id, "phases": [], "source_directory": "/", "timeout_seconds": 60});
        let (plan, settings) = (serde_json::from_value(plan).unwrap(), Settings::default());
        let user = RegistryUser { name: "puller".to_owned(), password: "secret".to_owned() };
        let made = |authority: Option<&str>, image: &str, pull_as: &PullAs| {
            let server = Server { id: Uuid::new_v4(), authority: authority.map(str::to_owned) };
            let (image, name, token) = (ImageName::parse(image).unwrap(), new_name(id), "a token".to_owned());
            let (settings, plan, server, image) = (&settings, &plan, &server, &image);
            let order = Order { settings, server, plan, image, privileged: false, pull_as, name, token };
            let mut job = order.job();
            job.metadata.uid = Some("uid".to_owned());
            (serde_json::to_value(&job).unwrap(), order.secrets(&job))
        };
        let (job, secrets) = made(None, "app", &PullAs::Operator);
        let keys =
            |secret: &Secret| secret.data.iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        assert!(!job.to_string().contains(AUTHORITY) && !job.to_string().contains("a token"));
        assert_eq!(secrets.iter().map(keys).collect::<Vec<_>>(), [[TOKEN_KEY]]);

        let (job, secrets) = made(Some("its certificate"), "app", &PullAs::User(user));
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["env"][1]["value"], "/stagewright-authority/authority.pem");
        assert_eq!(pod["volumes"][2]["secret"]["secretName"], job["metadata"]["name"]);
        let [own, registry] = &secrets[..] else { panic!("{secrets:?}") };
        assert_eq!(own.data.as_ref().unwrap()[AUTHORITY].0, b"its certificate");
        let accounts = &registry.data.as_ref().unwrap()[".dockerconfigjson"].0;
        assert!(String::from_utf8_lossy(accounts).contains("https://index.docker.io/v1/"));
        for secret in &secrets {
            let owner = &secret.metadata.owner_references.as_ref().unwrap()[0];
            assert_eq!(
                (owner.name.as_str(), owner.uid.as_str()),
                (job["metadata"]["name"].as_str().unwrap(), "uid")
            );
        }
    }
}
