//! A server of CodeCommit alone: the real store, real git folders, and guards that do as a test says.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws::client::GatewaySlot;
use aws::http::{HttpService, Peer};
use aws::objects::{ByteStream, ListObjects, ObjectHead, ObjectId, ObjectPage, Objects, PutObject};
use aws::operation::Service;
use aws::{
    Access, AccessKey, AuditRecord, Auditor, Authenticator, Authoriser, Caller, Client, Ctx, Error, Event,
    Gateway, Operation, Principal, Scope, Secret, Timestamp, sigv4,
};
use codecommit::{CodeCommit, Config, GitHttp};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use store::Store;

pub const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const GIT_USER: &str = "ann-at-123456789012";
pub const GIT_PASSWORD: &str = "correct horse battery staple=";

pub struct World {
    pub dir: Arc<tempfile::TempDir>,
    pub store: Store,
    pub codecommit: Arc<CodeCommit>,
    pub client: Client,
    pub guards: Arc<Guards>,
    /// `127.0.0.1:PORT`
    pub address: String,
    server: tokio::task::JoinHandle<()>,
}

/// What the policies deny and what was recorded.
#[derive(Default)]
pub struct Guards {
    /// `codecommit:GitPush`, or `codecommit:GitPush refs/heads/main` for one reference.
    pub denied: Mutex<BTreeSet<String>>,
    pub records: Mutex<Vec<AuditRecord>>,
    pub uploads: Mutex<Vec<(String, Vec<u8>)>>,
}

pub fn scope() -> Scope {
    Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap())
}

pub fn ann() -> Caller {
    Caller::of(Principal::User {
        account: scope().account,
        path: "/".into(),
        name: "ann".into(),
        id: "AIDAANN".into(),
    })
}

impl World {
    pub async fn start() -> World {
        World::start_on(Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// The same data again, as after a restart.
    pub async fn restart(self) -> World {
        self.server.abort();
        self.store.close().await;
        World::start_on(self.dir.clone()).await
    }

    async fn start_on(dir: Arc<tempfile::TempDir>) -> World {
        let store = Store::open(store::Config::Sqlite { dir: dir.path().join("store") }).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let slot = GatewaySlot::default();
        let client = Client::new(slot.clone(), scope());
        let config = Config::new(dir.path().join("data"), format!("http://{address}"));
        let codecommit = CodeCommit::open(config, store.clone(), client.clone()).unwrap();
        let guards = Arc::new(Guards::default());
        let routers = vec![codecommit::router(codecommit.clone())];
        let gateway = Arc::new(Gateway::new(
            scope(),
            [1; 32],
            guards.clone(),
            guards.clone(),
            guards.clone(),
            guards.clone(),
            routers,
        ));
        slot.fill(gateway.clone());
        let git = Arc::new(GitHttp::new(codecommit.clone(), gateway));
        let server = tokio::spawn(serve(listener, git));
        let client = client.as_caller(ann(), scope());
        World { dir, store, codecommit, client, guards, address, server }
    }

    pub async fn call<O: Operation>(&self, input: O) -> Result<O::Output, Error> {
        self.client.call(input).await
    }

    /// The code with which a call is refused.
    pub async fn refusal<O: Operation>(&self, input: O) -> String {
        match self.client.call(input).await {
            Ok(_) => "it was not refused".to_owned(),
            Err(error) => error.code.into_owned(),
        }
    }

    pub async fn create(&self, name: &str) {
        let create =
            codecommit_model::CreateRepository { repository_name: name.into(), ..Default::default() };
        self.call(create).await.unwrap();
    }

    pub fn deny(&self, what: &str) {
        self.guards.denied.lock().unwrap().insert(what.to_owned());
    }

    /// All state change events so far, oldest first.
    pub async fn events(&self) -> Vec<Event> {
        let end = format!("end {}", uuid::Uuid::new_v4());
        let mark = end.clone();
        self.store.write(move |tx| tx.append(aws::event::TOPIC, &mark)).await.unwrap();
        let mut subscription = self.store.subscribe(aws::event::TOPIC, "test").await.unwrap();
        let mut events = Vec::new();
        loop {
            let payload = subscription.next().await.unwrap().payload;
            match payload.parse::<Event>() {
                Ok(event) => events.push(event),
                Err(_) if payload.parse::<String>().unwrap() == end => return events,
                // The end of an earlier look.
                Err(_) => {}
            }
        }
    }

    /// The URL of a repository with a password that is signed as AWS's helper signs it.
    pub fn signed_url(&self, name: &str) -> String {
        let path = format!("/v1/repos/{name}");
        let secret = Secret::new(SECRET);
        let password = sigv4::git::password(&secret, Timestamp::now(), &path, "127.0.0.1", "us-east-1");
        format!("http://{KEY}:{password}@{}{path}", self.address)
    }

    pub fn url(&self, name: &str) -> String {
        let password = GIT_PASSWORD.replace(' ', "%20").replace('=', "%3D");
        format!("http://{GIT_USER}:{password}@{}/v1/repos/{name}", self.address)
    }

    /// A working copy with one commit.
    pub async fn working_copy(&self, name: &str) -> Copy {
        let copy = Copy { path: self.dir.path().join(format!("copy-{name}-{}", uuid::Uuid::new_v4())) };
        std::fs::create_dir(&copy.path).unwrap();
        copy.git(&["init", "-q", "-b", "main"]).await;
        // Of its own: equal commits in one second are the same commit.
        copy.commit("a.txt", &copy.path.display().to_string()).await;
        copy
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A clone on the client's side.
pub struct Copy {
    pub path: PathBuf,
}

impl Copy {
    /// Runs git and expects that it succeeds.
    pub async fn git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments).await;
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// What git says on standard error when it fails.
    pub async fn failing_git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments).await;
        assert!(!output.status.success(), "git {arguments:?} succeeded");
        String::from_utf8(output.stderr).unwrap()
    }

    pub async fn try_git(&self, arguments: &[&str]) -> Output {
        git(&self.path, arguments).await
    }

    pub async fn commit(&self, file: &str, content: &str) -> String {
        let file = self.path.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content).unwrap();
        self.git(&["add", "-A"]).await;
        self.git(&["commit", "-q", "-m", "a change"]).await;
        self.git(&["rev-parse", "HEAD"]).await
    }
}

pub async fn git(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "protocol.version=2"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn serve(listener: tokio::net::TcpListener, git: Arc<GitHttp>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else { return };
        let git = git.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let git = git.clone();
                async move {
                    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
                    let peer = Peer { ip: peer.ip(), secure_transport: false };
                    Ok::<_, Infallible>(git.handle(request, peer).await)
                }
            });
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            // A client that goes away in the middle is part of some tests.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[async_trait]
impl Authenticator for Guards {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, Error> {
        let key = AccessKey {
            secret: Secret::new(SECRET),
            session_token: None,
            expires_at: None,
            active: true,
            caller: ann(),
        };
        Ok((access_key_id == KEY).then_some(key))
    }

    async fn git_password(&self, user_name: &str, password: &Secret) -> Result<Option<Caller>, Error> {
        Ok((user_name == GIT_USER && password.reveal() == GIT_PASSWORD).then(ann))
    }
}

#[async_trait]
impl Authoriser for Guards {
    async fn authorise(
        &self,
        ctx: &Ctx,
        service: &Service,
        operation: &str,
        accesses: &[Access],
    ) -> Result<(), Error> {
        let denied = self.denied.lock().unwrap();
        for access in accesses {
            let action = format!("{}:{operation}", service.prefix);
            let references = access.context.iter().filter(|(key, _)| key == "codecommit:References");
            let mut named = references.flat_map(|(_, values)| values).map(|name| format!("{action} {name}"));
            if denied.contains(&action) || named.any(|named| denied.contains(&named)) {
                let (arn, resource) = (ctx.caller.principal.arn(), &access.resource);
                let message =
                    format!("User: {arn} is not authorized to perform: {action} on resource: {resource}");
                return Err(Error::access_denied(message));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Auditor for Guards {
    async fn record(&self, record: AuditRecord) -> Result<(), Error> {
        self.records.lock().unwrap().push(record);
        Ok(())
    }
}

#[async_trait]
impl Objects for Guards {
    async fn get_object(&self, _: &Ctx, _: &ObjectId) -> Result<(ObjectHead, ByteStream), Error> {
        Err(Error::not_implemented("S3", "GetObject"))
    }

    async fn head_object(&self, _: &Ctx, _: &ObjectId) -> Result<ObjectHead, Error> {
        Err(Error::not_implemented("S3", "HeadObject"))
    }

    async fn put_object(&self, _: &Ctx, mut put: PutObject) -> Result<ObjectHead, Error> {
        let mut content = Vec::new();
        while let Some(chunk) = put.body.next().await {
            content.extend_from_slice(&chunk.map_err(Error::internal)?);
        }
        let head = ObjectHead { size: content.len() as u64, etag: "e".into(), ..ObjectHead::default() };
        self.uploads.lock().unwrap().push((format!("{}/{}", put.bucket, put.key), content));
        Ok(head)
    }

    async fn list_objects(&self, _: &Ctx, _: &ListObjects) -> Result<ObjectPage, Error> {
        Err(Error::not_implemented("S3", "ListObjects"))
    }

    async fn bucket_versioning(&self, _: &Ctx, _: &str) -> Result<bool, Error> {
        Err(Error::not_implemented("S3", "GetBucketVersioning"))
    }

    async fn bucket_location(&self, _: &Ctx, _: &str) -> Result<String, Error> {
        Err(Error::not_implemented("S3", "GetBucketLocation"))
    }
}
