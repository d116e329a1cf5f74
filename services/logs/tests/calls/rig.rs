//! The service behind a gateway that asks nobody.

use std::sync::Arc;

use async_trait::async_trait;
use aws::client::GatewaySlot;
use aws::objects::{ByteStream, ListObjects, ObjectHead, ObjectId, ObjectPage, PutObject};
use aws::{
    Access, AccessKey, AuditRecord, Auditor, Authenticator, Authoriser, Caller, Client, Ctx, Error, Gateway,
    Objects, Principal, Scope, Secret, Service, Timestamp,
};
use logs::Logs;
use logs_model::*;
use store::{Config, Store};

/// A gateway that lets everybody do everything with logs, and has no objects.
struct Everybody;

#[async_trait]
impl Authenticator for Everybody {
    async fn access_key(&self, _access_key_id: &str) -> Result<Option<AccessKey>, Error> {
        Ok(None)
    }

    async fn git_password(&self, _user_name: &str, _password: &Secret) -> Result<Option<Caller>, Error> {
        Ok(None)
    }
}

#[async_trait]
impl Authoriser for Everybody {
    async fn authorise(&self, _: &Ctx, _: &Service, _: &str, _: &[Access]) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Auditor for Everybody {
    async fn record(&self, _record: AuditRecord) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Objects for Everybody {
    async fn get_object(&self, _: &Ctx, _: &ObjectId) -> Result<(ObjectHead, ByteStream), Error> {
        Err(Error::not_implemented("s3", "GetObject"))
    }
    async fn head_object(&self, _: &Ctx, _: &ObjectId) -> Result<ObjectHead, Error> {
        Err(Error::not_implemented("s3", "HeadObject"))
    }
    async fn put_object(&self, _: &Ctx, _: PutObject) -> Result<ObjectHead, Error> {
        Err(Error::not_implemented("s3", "PutObject"))
    }
    async fn list_objects(&self, _: &Ctx, _: &ListObjects) -> Result<ObjectPage, Error> {
        Err(Error::not_implemented("s3", "ListObjects"))
    }
    async fn bucket_versioning(&self, _: &Ctx, _: &str) -> Result<bool, Error> {
        Err(Error::not_implemented("s3", "GetBucketVersioning"))
    }
    async fn bucket_location(&self, _: &Ctx, _: &str) -> Result<String, Error> {
        Err(Error::not_implemented("s3", "GetBucketLocation"))
    }
}

pub struct Rig {
    pub client: Client,
    pub logs: Arc<Logs>,
    pub store: Store,
    _dir: tempfile::TempDir,
}

impl Rig {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Config::Sqlite { dir: dir.path().to_owned() }).await.unwrap();
        let logs = Arc::new(Logs::new(store.clone()));
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let guard = Arc::new(Everybody);
        let routers = vec![logs.router()];
        let gateway =
            Gateway::new(scope.clone(), [7; 32], guard.clone(), guard.clone(), guard.clone(), guard, routers);
        let slot = GatewaySlot::default();
        slot.fill(Arc::new(gateway));
        let caller = Caller::of(Principal::Root { account: scope.account.clone() });
        let client = Client::new(slot, scope.clone()).as_caller(caller, scope);
        Self { client, logs, store, _dir: dir }
    }

    /// With the group `g` and the streams named.
    pub async fn with_streams(streams: &[&str]) -> Self {
        let rig = Self::new().await;
        rig.client.call(CreateLogGroup { log_group_name: "g".into(), ..Default::default() }).await.unwrap();
        for stream in streams {
            let create = CreateLogStream { log_group_name: "g".into(), log_stream_name: (*stream).into() };
            rig.client.call(create).await.unwrap();
        }
        rig
    }

    /// Puts events at seconds before (negative) or after now, each with a message.
    pub async fn put(&self, stream: &str, events: &[(i64, &str)]) -> PutLogEventsOutput {
        let now = Timestamp::now().as_millis() / 1000 * 1000;
        let log_events = events
            .iter()
            .map(|(seconds, message)| InputLogEvent {
                timestamp: now + seconds * 1000,
                message: (*message).into(),
            })
            .collect();
        let put = PutLogEvents {
            log_group_name: "g".into(),
            log_stream_name: stream.into(),
            log_events,
            ..Default::default()
        };
        self.client.call(put).await.unwrap()
    }

    pub async fn page(&self, change: impl Fn(&mut GetLogEvents)) -> (Vec<String>, String, String) {
        let mut get = GetLogEvents {
            log_group_name: Some("g".into()),
            log_stream_name: "s".into(),
            ..Default::default()
        };
        change(&mut get);
        let output = self.client.call(get).await.unwrap();
        let messages = output.events.unwrap().into_iter().map(|event| event.message.unwrap()).collect();
        (messages, output.next_forward_token.unwrap(), output.next_backward_token.unwrap())
    }

    pub async fn found(&self, change: impl Fn(&mut FilterLogEvents)) -> Vec<String> {
        let mut found = Vec::new();
        let mut next_token = None;
        loop {
            let mut filter =
                FilterLogEvents { log_group_name: Some("g".into()), next_token, ..Default::default() };
            change(&mut filter);
            let output = self.client.call(filter).await.unwrap();
            found.extend(output.events.unwrap().into_iter().map(|event| event.message.unwrap()));
            next_token = output.next_token;
            if next_token.is_none() {
                return found;
            }
        }
    }
}
