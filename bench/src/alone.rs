//! CodePipeline alone in a process: its API, its driver and a store, in a world in which everybody may do everything.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use aws::client::GatewaySlot;
use aws::objects::{ByteStream, ListObjects, ObjectHead, ObjectId, ObjectPage, PutObject};
use aws::{
    Access, AccessKey, AuditRecord, Auditor, Authenticator, Authoriser, Caller, Client, Ctx, Error, Gateway,
    Objects, Operation, Principal, Router, Scope, Secret, Service, Timestamp,
};
use codepipeline::CodePipeline;
use codepipeline_model::{CreatePipeline, PIPELINE_DECLARATION, StartPipelineExecution};
use seal::Sealer;
use serde_json::{Value, json};
use store::{Config, Store};
use sts_model::{AssumeRole, AssumeRoleOutput, Credentials, STS};

use crate::instant::Instant;
use crate::load::Failure;

const ROLE: &str = "arn:aws:iam::123456789012:role/pipeline";

pub struct Alone {
    pub store: Store,
    pub instant: &'static Instant,
    client: Client,
    _driver: tokio::task::JoinHandle<()>,
}

impl Alone {
    /// Opens the store of a folder and begins to drive its pipelines.
    pub async fn start(folder: &Path) -> Result<Self, Failure> {
        let store = Store::open(Config::Sqlite { dir: folder.to_owned() }).await?;
        let scope = scope()?;
        let slot = GatewaySlot::default();
        let client = Client::new(slot.clone(), scope.clone());
        // It lives as long as the process, as a provider does.
        let instant: &'static Instant = Box::leak(Box::default());
        let codepipeline = CodePipeline::new(store.clone(), client.clone(), Sealer::new([7; 32]));
        let codepipeline = Arc::new(codepipeline.with_stand_in(instant));
        let world = Arc::new(World);
        let routers = vec![codepipeline::router(codepipeline.clone()), sts(&world)];
        let gateway = Gateway::new(
            scope.clone(),
            [1; 32],
            world.clone(),
            world.clone(),
            world.clone(),
            world.clone(),
            routers,
        );
        slot.fill(Arc::new(gateway));
        let user = Principal::User {
            account: scope.account.clone(),
            path: "/".to_owned(),
            name: "bench".to_owned(),
            id: "AIDABENCH".to_owned(),
        };
        let client = client.as_caller(Caller::of(user), scope);
        let driver = tokio::spawn(codepipeline.run());
        Ok(Self { store, instant, client, _driver: driver })
    }

    pub async fn call<O: Operation>(&self, input: O) -> Result<O::Output, Error> {
        self.client.call(input).await
    }

    /// Creates a pipeline of three stages, and with that starts its first execution: a source, then an approval or a
    /// deployment, then a deployment.
    pub async fn create(&self, name: &str, with_approval: bool) -> Result<(), Failure> {
        let pipeline =
            aws::protocol::json::from_value(&PIPELINE_DECLARATION, &declaration(name, with_approval))
                .map_err(|error| format!("{error:?}"))?;
        self.call(CreatePipeline { pipeline, tags: None }).await?;
        Ok(())
    }

    pub async fn start_execution(&self, pipeline: &str) -> Result<(), Failure> {
        let start = StartPipelineExecution { name: pipeline.to_owned(), ..StartPipelineExecution::default() };
        self.call(start).await?;
        Ok(())
    }
}

fn scope() -> Result<Scope, Failure> {
    let account = "123456789012".parse().map_err(|error| format!("{error:?}"))?;
    let region = "us-east-1".parse().map_err(|error| format!("{error:?}"))?;
    Ok(Scope::new(account, region))
}

fn declaration(name: &str, with_approval: bool) -> Value {
    let kind = |category: &str, provider: &str| json!({"category": category, "owner": "AWS", "provider": provider, "version": "1"});
    let deploy = |stage: &str, action: &str| {
        json!({"name": stage, "actions": [{
            "name": action,
            "actionTypeId": kind("Deploy", "S3"),
            "configuration": {"BucketName": "site", "Extract": "true"},
            "inputArtifacts": [{"name": "Source"}],
        }]})
    };
    let second = if with_approval {
        json!({"name": "Approve", "actions": [{"name": "Ask", "actionTypeId": kind("Approval", "Manual")}]})
    } else {
        deploy("Try", "Stage")
    };
    let source = json!({"name": "Source", "actions": [{
        "name": "Fetch",
        "actionTypeId": kind("Source", "S3"),
        "configuration": {"S3Bucket": "source", "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"},
        "outputArtifacts": [{"name": "Source"}],
    }]});
    json!({
        "name": name, "roleArn": ROLE, "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "stages": [source, second, deploy("Deploy", "Publish")],
    })
}

/// The one who lets everybody do everything, and has no objects.
struct World;

fn sts(world: &Arc<World>) -> Router {
    async fn assume_role(_world: &World, _ctx: &Ctx, input: AssumeRole) -> Result<AssumeRoleOutput, Error> {
        let credentials = Credentials {
            access_key_id: format!("ASIA-{}", input.role_session_name),
            secret_access_key: "secret".to_owned(),
            session_token: "token".to_owned(),
            expiration: Timestamp::now(),
        };
        Ok(AssumeRoleOutput { credentials: Some(credentials), ..AssumeRoleOutput::default() })
    }
    Router::of(&STS, world.clone())
        .on::<AssumeRole, _>(assume_role, |op, _| vec![Access::to(&op.role_arn)])
        .build()
}

#[async_trait]
impl Authenticator for World {
    async fn access_key(&self, _access_key_id: &str) -> Result<Option<AccessKey>, Error> {
        let scope = scope().map_err(|error| Error::internal(error.to_string()))?;
        Ok(Some(AccessKey {
            secret: Secret::new("secret"),
            session_token: Some(Secret::new("token")),
            expires_at: None,
            active: true,
            caller: Caller::of(Principal::AssumedRole {
                account: scope.account,
                role_path: "/".to_owned(),
                role_id: "AROABENCH".to_owned(),
                session_name: "bench".to_owned(),
                role_name: "pipeline".to_owned(),
            }),
        }))
    }

    async fn git_password(&self, _user_name: &str, _password: &Secret) -> Result<Option<Caller>, Error> {
        Ok(None)
    }
}

#[async_trait]
impl Authoriser for World {
    async fn authorise(
        &self,
        _ctx: &Ctx,
        _service: &Service,
        _operation: &str,
        _accesses: &[Access],
    ) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Auditor for World {
    async fn record(&self, _record: AuditRecord) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Objects for World {
    async fn get_object(&self, _ctx: &Ctx, _object: &ObjectId) -> Result<(ObjectHead, ByteStream), Error> {
        Err(Error::not_implemented("S3", "GetObject"))
    }

    async fn head_object(&self, _ctx: &Ctx, _object: &ObjectId) -> Result<ObjectHead, Error> {
        Err(Error::not_implemented("S3", "HeadObject"))
    }

    async fn put_object(&self, _ctx: &Ctx, _put: PutObject) -> Result<ObjectHead, Error> {
        Err(Error::not_implemented("S3", "PutObject"))
    }

    async fn list_objects(&self, _ctx: &Ctx, _list: &ListObjects) -> Result<ObjectPage, Error> {
        Err(Error::not_implemented("S3", "ListObjects"))
    }

    async fn bucket_versioning(&self, _ctx: &Ctx, _bucket: &str) -> Result<bool, Error> {
        Ok(true)
    }

    async fn bucket_location(&self, _ctx: &Ctx, _bucket: &str) -> Result<String, Error> {
        Ok("us-east-1".to_owned())
    }
}
