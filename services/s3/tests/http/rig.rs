//! A frontend over a real store and real blobs, whose policies the tests decide.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws::gateway::Origin;
use aws::http::{self as wire, HttpService, Peer};
use aws::{
    Access, AccessKey, AuditRecord, Auditor, Authenticator, Authoriser, Caller, Ctx, Error, Event, Gateway,
    Principal, Scope, Secret, Service,
};
use blob::Blobs;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use s3::{Config, Frontend, S3};
use store::Store;

/// Signatures are not checked; the policies deny the actions named, and everything is recorded.
#[derive(Default)]
pub struct Guard {
    pub denied: Mutex<Vec<String>>,
    pub asked: Mutex<Vec<Access>>,
    pub records: Mutex<Vec<AuditRecord>>,
}

#[async_trait]
impl Authenticator for Guard {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, Error> {
        let caller = Caller::of(Principal::Root { account: "123456789012".parse().unwrap() });
        let key = AccessKey {
            secret: Secret::new("secret"),
            session_token: None,
            expires_at: None,
            active: true,
            caller,
        };
        Ok((access_key_id == "AKIAROOT").then_some(key))
    }

    async fn git_password(&self, _: &str, _: &Secret) -> Result<Option<Caller>, Error> {
        Ok(None)
    }

    fn is_open(&self) -> bool {
        true
    }
}

#[async_trait]
impl Authoriser for Guard {
    async fn authorise(&self, ctx: &Ctx, _: &Service, _: &str, accesses: &[Access]) -> Result<(), Error> {
        self.asked.lock().unwrap().extend(accesses.iter().cloned());
        let denied = self.denied.lock().unwrap();
        for access in accesses {
            let action = access.action.clone().unwrap_or_default();
            if denied.contains(&action) {
                return Err(Error::access_denied(format!(
                    "User: {} is not authorized to perform: {action} on resource: {} because no identity-based policy \
                     allows the {action} action",
                    ctx.caller.principal.arn(),
                    access.resource
                )));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Auditor for Guard {
    async fn record(&self, record: AuditRecord) -> Result<(), Error> {
        self.records.lock().unwrap().push(record);
        Ok(())
    }
}

pub struct Rig {
    pub frontend: Frontend,
    pub s3: Arc<S3>,
    pub gateway: Arc<Gateway>,
    pub store: Store,
    pub blobs: Blobs,
    pub guard: Arc<Guard>,
    _dir: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The text of the first element of a name.
    pub fn element(&self, name: &str) -> &str {
        let begin = self.body.find(&format!("<{name}>")).map(|at| at + name.len() + 2);
        let Some(rest) = begin.and_then(|begin| self.body.get(begin..)) else { return "" };
        rest.split("</").next().unwrap_or_default()
    }

    pub fn elements(&self, name: &str) -> Vec<&str> {
        let open = format!("<{name}>");
        self.body
            .split(open.as_str())
            .skip(1)
            .map(|rest| rest.split("</").next().unwrap_or_default())
            .collect()
    }

    pub fn code(&self) -> (u16, &str) {
        (self.status.as_u16(), self.element("Code"))
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        self
    }
}

impl Rig {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(store::Config::Sqlite { dir: dir.path().join("store") }).await.unwrap();
        let blobs = Blobs::open(blob::Config::Folder { dir: dir.path().join("blobs") }).await.unwrap();
        let guard = Arc::new(Guard::default());
        let s3 = Arc::new(S3::new(store.clone(), blobs.clone(), guard.clone(), guard.clone()));
        let home = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let (a, b, c) = (guard.clone(), guard.clone(), guard.clone());
        let gateway = Arc::new(Gateway::new(home, [7; 32], a, b, c, s3.clone(), Vec::new()));
        let config = Config { domains: vec!["s3.example.com".into()] };
        let frontend = Frontend::new(s3.clone(), gateway.clone(), config);
        Self { frontend, s3, gateway, store, blobs, guard, _dir: dir }
    }

    pub async fn with_bucket(versioning: Option<&str>) -> Self {
        let rig = Self::new().await;
        rig.put("/bkt", "").await.ok();
        if let Some(status) = versioning {
            rig.version(status).await;
        }
        rig
    }

    pub async fn version(&self, status: &str) {
        let document =
            format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        self.put("/bkt?versioning", &document).await.ok();
    }

    pub async fn call(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(target);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "127.0.0.1:4000");
        }
        let anonymous = headers.iter().any(|(name, _)| *name == "x-anonymous");
        if !anonymous {
            let signed = "AWS4-HMAC-SHA256 Credential=AKIAROOT/20240102/us-east-1/s3/aws4_request, \
                          SignedHeaders=host, Signature=00";
            request = request.header("authorization", signed).header("x-amz-date", "20240102T030405Z");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header("content-length", body.len());
        }
        let request = request.body(wire::full(body.to_owned())).unwrap();
        let peer = Peer { ip: "192.0.2.1".parse().unwrap(), secure_transport: false };
        let response = self.frontend.handle(request, peer).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.call(Method::GET, target, &[], "").await
    }

    pub async fn head(&self, target: &str) -> Answer {
        self.call(Method::HEAD, target, &[], "").await
    }

    pub async fn put(&self, target: &str, body: &str) -> Answer {
        self.call(Method::PUT, target, &[], body).await
    }

    pub async fn put_with(&self, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.call(Method::PUT, target, headers, body).await
    }

    pub async fn delete(&self, target: &str) -> Answer {
        self.call(Method::DELETE, target, &[], "").await
    }

    pub async fn post(&self, target: &str, body: &str) -> Answer {
        self.call(Method::POST, target, &[], body).await
    }

    pub fn deny(&self, actions: &[&str]) {
        *self.guard.denied.lock().unwrap() = actions.iter().map(|action| (*action).to_owned()).collect();
    }

    pub fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.guard.asked.lock().unwrap());
        asked
            .into_iter()
            .map(|access| format!("{} {}", access.action.unwrap_or_default(), access.resource))
            .collect()
    }

    pub fn records(&self) -> Vec<AuditRecord> {
        std::mem::take(&mut *self.guard.records.lock().unwrap())
    }

    /// All events so far.
    /// What was told on a topic of the outbox.
    pub async fn events(&self, topic: &str) -> Vec<Event> {
        let mut subscription = self.store.subscribe(topic, "test").await.unwrap();
        let mut events = Vec::new();
        let wait = std::time::Duration::from_millis(200);
        while let Ok(delivery) = tokio::time::timeout(wait, subscription.next()).await {
            events.push(delivery.unwrap().payload.parse().unwrap());
        }
        events
    }

    pub fn ctx(&self, operation: &'static str) -> Ctx {
        let caller = Caller::of(Principal::Service { name: "codepipeline.amazonaws.com".into() });
        self.gateway.ctx(caller, self.gateway.home.clone(), operation, Origin::default())
    }
}
