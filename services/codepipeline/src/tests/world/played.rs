//! The services that pipelines use, played.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws::objects::{ByteStream, ListObjects, ObjectHead, ObjectId, ObjectPage, PutObject};
use aws::{
    Access, AccessKey, AuditRecord, Auditor, Authenticator, Authoriser, Caller, Ctx, Error, Objects,
    Principal, Router, Secret, Service, Timestamp,
};
use bytes::Bytes;
use codebuild_model::{
    BatchGetBuilds, BatchGetBuildsOutput, Build, CODEBUILD, StartBuild, StartBuildOutput, StatusType,
    StopBuild, StopBuildOutput,
};
use codecommit_model::{
    BranchInfo, CODECOMMIT, Commit, GetBranch, GetBranchOutput, GetCommit, GetCommitOutput, UploadArchive,
    UploadArchiveOutput, UserInfo,
};
use futures_util::TryStreamExt;
use sts_model::{AssumeRole, AssumeRoleOutput, Credentials, STS};

use super::{Shared, scope};

pub(super) fn sts(shared: &Shared) -> Router {
    async fn assume_role(shared: &Shared, _ctx: &Ctx, input: AssumeRole) -> Result<AssumeRoleOutput, Error> {
        shared.called("AssumeRole")?;
        shared.lock().assumed.push(input.role_arn.clone());
        let role = input.role_arn.rsplit('/').next().unwrap_or_default();
        Ok(AssumeRoleOutput {
            credentials: Some(Credentials {
                access_key_id: format!("ASIA-{role}"),
                secret_access_key: "secret".into(),
                session_token: "token".into(),
                expiration: Timestamp::now(),
            }),
            ..AssumeRoleOutput::default()
        })
    }
    Router::of(&STS, Arc::new(shared.clone()))
        .on::<AssumeRole, _>(assume_role, |op, _| vec![Access::to(&op.role_arn)])
        .build()
}

pub(super) fn codecommit(shared: &Shared) -> Router {
    async fn get_branch(shared: &Shared, _ctx: &Ctx, input: GetBranch) -> Result<GetBranchOutput, Error> {
        shared.called("GetBranch")?;
        let key = (input.repository_name.unwrap(), input.branch_name.unwrap());
        let commit_id = shared.lock().branches.get(&key).cloned();
        let commit_id = commit_id.ok_or_else(|| Error::new("BranchDoesNotExistException", "no"))?;
        Ok(GetBranchOutput {
            branch: Some(BranchInfo { branch_name: Some(key.1), commit_id: Some(commit_id) }),
        })
    }
    async fn get_commit(shared: &Shared, _ctx: &Ctx, input: GetCommit) -> Result<GetCommitOutput, Error> {
        shared.called("GetCommit")?;
        let who = UserInfo { date: Some("1700000000 +0000".into()), ..UserInfo::default() };
        let message = Some(format!("Message of {}", input.commit_id));
        let (author, committer) = (Some(who.clone()), Some(who));
        Ok(GetCommitOutput { commit: Commit { message, author, committer, ..Commit::default() } })
    }
    async fn upload_archive(
        shared: &Shared,
        _ctx: &Ctx,
        input: UploadArchive,
    ) -> Result<UploadArchiveOutput, Error> {
        shared.called("UploadArchive")?;
        let bytes = Bytes::from(format!("zip of {}", input.commit_id));
        shared.lock().objects.insert((input.bucket, input.key), (ObjectHead::default(), bytes));
        Ok(UploadArchiveOutput::default())
    }
    Router::of(&CODECOMMIT, Arc::new(shared.clone()))
        .on::<GetBranch, _>(get_branch, |_, _| vec![Access::any()])
        .on::<GetCommit, _>(get_commit, |_, _| vec![Access::any()])
        .on::<UploadArchive, _>(upload_archive, |_, _| vec![Access::any()])
        .build()
}

pub(super) fn codebuild(shared: &Shared) -> Router {
    async fn start_build(shared: &Shared, _ctx: &Ctx, input: StartBuild) -> Result<StartBuildOutput, Error> {
        shared.called("StartBuild")?;
        let (build, slow) = {
            let mut state = shared.lock();
            let token = input.idempotency_token.clone().unwrap();
            let next = state.builds.len();
            let index = *state.build_of_token.entry(token).or_insert(next);
            if index == next {
                let build = Build {
                    id: Some(format!("{}:{next}", input.project_name)),
                    build_status: Some(StatusType::InProgress),
                    ..Build::default()
                };
                state.builds.push((input, build));
            }
            let build = state.builds[index].1.clone();
            if state.instant_builds {
                state.builds[index].1.build_status = Some(StatusType::Succeeded);
            }
            (build, state.slow_start)
        };
        if slow {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(StartBuildOutput { build: Some(build) })
    }
    async fn batch_get_builds(
        shared: &Shared,
        _ctx: &Ctx,
        input: BatchGetBuilds,
    ) -> Result<BatchGetBuildsOutput, Error> {
        let (builds, slow) = {
            let state = shared.lock();
            let builds = state.builds.iter().map(|(_, build)| build.clone());
            let asked = |build: &Build| build.id.as_ref().is_some_and(|id| input.ids.contains(id));
            (builds.filter(asked).collect(), state.slow_answers)
        };
        shared.called("BatchGetBuilds")?;
        if slow {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(BatchGetBuildsOutput { builds: Some(builds), ..BatchGetBuildsOutput::default() })
    }
    async fn stop_build(shared: &Shared, _ctx: &Ctx, input: StopBuild) -> Result<StopBuildOutput, Error> {
        shared.called("StopBuild")?;
        shared.lock().stopped.push(input.id);
        Ok(StopBuildOutput::default())
    }
    Router::of(&CODEBUILD, Arc::new(shared.clone()))
        .on::<StartBuild, _>(start_build, |_, _| vec![Access::any()])
        .on::<BatchGetBuilds, _>(batch_get_builds, |_, _| vec![Access::any()])
        .on::<StopBuild, _>(stop_build, |_, _| vec![Access::any()])
        .build()
}

fn missing(code: &'static str) -> Error {
    Error::new(code, "played").with_status(404)
}

#[async_trait]
impl Objects for Shared {
    async fn get_object(&self, ctx: &Ctx, object: &ObjectId) -> Result<(ObjectHead, ByteStream), Error> {
        self.called("GetObject")?;
        self.allow(ctx, "s3:GetObject")?;
        let state = self.lock();
        let found = state.objects.get(&(object.bucket.clone(), object.key.clone()));
        let (head, bytes) = found.ok_or_else(|| missing("NoSuchKey"))?;
        if object.version_id.is_some() && object.version_id != head.version_id {
            return Err(missing("NoSuchVersion"));
        }
        Ok((head.clone(), aws::objects::once(bytes.clone())))
    }

    async fn head_object(&self, ctx: &Ctx, object: &ObjectId) -> Result<ObjectHead, Error> {
        Ok(self.get_object(ctx, object).await?.0)
    }

    async fn put_object(&self, ctx: &Ctx, put: PutObject) -> Result<ObjectHead, Error> {
        self.called("PutObject")?;
        self.allow(ctx, "s3:PutObject")?;
        let pieces: Vec<Bytes> =
            put.body.try_collect().await.map_err(|error| Error::new("BadBody", error.to_string()))?;
        let bytes = Bytes::from(pieces.concat());
        let mut state = self.lock();
        if !state.buckets.contains(&put.bucket) {
            return Err(missing("NoSuchBucket"));
        }
        let head = ObjectHead {
            size: bytes.len() as u64,
            content_type: put.content_type,
            metadata: put.metadata,
            ..ObjectHead::default()
        };
        state.objects.insert((put.bucket, put.key), (head.clone(), bytes));
        Ok(head)
    }

    async fn delete_object(&self, ctx: &Ctx, object: &ObjectId) -> Result<(), Error> {
        self.called("DeleteObject")?;
        self.allow(ctx, "s3:DeleteObject")?;
        self.lock().objects.remove(&(object.bucket.clone(), object.key.clone()));
        Ok(())
    }

    async fn list_objects(&self, _ctx: &Ctx, _list: &ListObjects) -> Result<ObjectPage, Error> {
        Err(Error::not_implemented("S3", "ListObjects"))
    }

    async fn bucket_versioning(&self, _ctx: &Ctx, bucket: &str) -> Result<bool, Error> {
        Ok(bucket == "source")
    }

    async fn bucket_location(&self, _ctx: &Ctx, bucket: &str) -> Result<String, Error> {
        if self.lock().buckets.contains(bucket) {
            Ok("us-east-1".into())
        } else {
            Err(missing("NoSuchBucket"))
        }
    }
}

impl Shared {
    fn allow(&self, ctx: &Ctx, action: &str) -> Result<(), Error> {
        let who = ctx.caller.principal.arn();
        let state = self.lock();
        if state.denied.contains(action) || state.denied.contains(&format!("{who} {action}")) {
            return Err(Error::access_denied(format!("User: {who} is not authorized to perform: {action}")));
        }
        Ok(())
    }
}

#[async_trait]
impl Authenticator for Shared {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, Error> {
        let role_name = access_key_id.trim_start_matches("ASIA-").to_owned();
        Ok(Some(AccessKey {
            secret: Secret::new("secret"),
            session_token: Some(Secret::new("token")),
            expires_at: None,
            active: true,
            caller: Caller::of(Principal::AssumedRole {
                account: scope().account,
                role_path: "/".into(),
                role_id: "AROA".into(),
                session_name: "s".into(),
                role_name,
            }),
        }))
    }

    async fn git_password(&self, _user_name: &str, _password: &Secret) -> Result<Option<Caller>, Error> {
        Ok(None)
    }
}

#[async_trait]
impl Authoriser for Shared {
    async fn authorise(
        &self,
        ctx: &Ctx,
        service: &Service,
        operation: &str,
        accesses: &[Access],
    ) -> Result<(), Error> {
        for access in accesses {
            let action = access.action.clone().unwrap_or_else(|| format!("{}:{operation}", service.prefix));
            self.allow(ctx, &action)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Auditor for Shared {
    async fn record(&self, _record: AuditRecord) -> Result<(), Error> {
        Ok(())
    }
}
