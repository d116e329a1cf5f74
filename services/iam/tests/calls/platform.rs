//! A platform with IAM and STS on a store of its own, called in process: through validation, authorisation and audit.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws::client::GatewaySlot;
use aws::objects::{ByteStream, ListObjects, ObjectHead, ObjectId, ObjectPage, PutObject};
use aws::{
    AuditRecord, Auditor, Caller, Client, Credentials, Ctx, Error, Gateway, Objects, Operation, Scope, Secret,
};
use iam::Iam;
use iam_model as model;
use seal::Sealer;
use store::{Config, Store};
use tempfile::TempDir;

pub const ACCOUNT: &str = "123456789012";
pub const ADMIN_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub const ADMIN_SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

pub struct Platform {
    pub iam: Arc<Iam>,
    pub store: Store,
    pub audited: Arc<Audited>,
    client: Client,
    admin: Caller,
    // The store's folder lives as long as the platform.
    _folder: TempDir,
}

/// Keeps the names of the calls, with the codes of refused ones.
#[derive(Default)]
pub struct Audited(pub Mutex<Vec<(String, Option<String>)>>);

#[async_trait]
impl Auditor for Audited {
    async fn record(&self, record: AuditRecord) -> Result<(), Error> {
        let code = record.error.map(|error| error.code.into_owned());
        self.0.lock().expect("not poisoned").push((record.event_name, code));
        Ok(())
    }
}

/// This platform has no S3.
struct NoObjects;

fn no_objects<T>() -> Result<T, Error> {
    Err(Error::not_implemented("S3", "objects"))
}

#[async_trait]
impl Objects for NoObjects {
    async fn get_object(&self, _: &Ctx, _: &ObjectId) -> Result<(ObjectHead, ByteStream), Error> {
        no_objects()
    }
    async fn head_object(&self, _: &Ctx, _: &ObjectId) -> Result<ObjectHead, Error> {
        no_objects()
    }
    async fn put_object(&self, _: &Ctx, _: PutObject) -> Result<ObjectHead, Error> {
        no_objects()
    }
    async fn list_objects(&self, _: &Ctx, _: &ListObjects) -> Result<ObjectPage, Error> {
        no_objects()
    }
    async fn bucket_versioning(&self, _: &Ctx, _: &str) -> Result<bool, Error> {
        no_objects()
    }
    async fn bucket_location(&self, _: &Ctx, _: &str) -> Result<String, Error> {
        no_objects()
    }
}

impl Platform {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(Config::Sqlite { dir: folder.path().into() }).await.expect("a store");
        let iam = Iam::open(store.clone(), Sealer::new([7; 32])).await.expect("opens");
        let given = Some((ADMIN_KEY.to_owned(), Secret::new(ADMIN_SECRET)));
        let account = ACCOUNT.parse().expect("an account");
        let admin = iam.bootstrap(&account, given).await.expect("an administrator").caller;
        let home = Scope::new(account, "eu-west-1".parse().expect("a region"));
        let audited = Arc::new(Audited::default());
        let slot = GatewaySlot::default();
        let gateway = Gateway::new(
            home.clone(),
            [9; 32],
            iam.clone(),
            iam.clone(),
            audited.clone(),
            Arc::new(NoObjects),
            vec![iam::iam_router(iam.clone()), iam::sts_router(iam.clone())],
        );
        slot.fill(Arc::new(gateway));
        Platform { iam, store, audited, client: Client::new(slot, home), admin, _folder: folder }
    }

    pub fn admin(&self) -> Client {
        self.client.as_caller(self.admin.clone(), self.client.scope().clone())
    }

    pub fn service(&self, name: &str) -> Client {
        self.client.as_service(name, self.client.scope().clone())
    }

    pub fn with(&self, credentials: Credentials) -> Client {
        self.client.with_credentials(credentials, self.client.scope().region.clone())
    }

    /// A new user with these inline policies, and a client with its key.
    pub async fn user(&self, name: &str, policies: &[&str]) -> Client {
        let admin = self.admin();
        let create = model::CreateUser { user_name: name.into(), ..Default::default() };
        admin.call(create).await.expect("a user");
        for (index, document) in policies.iter().enumerate() {
            let put = model::PutUserPolicy {
                user_name: name.into(),
                policy_name: format!("p{index}"),
                policy_document: (*document).into(),
            };
            admin.call(put).await.expect("a policy");
        }
        self.with(self.new_key(name).await)
    }

    pub async fn new_key(&self, user_name: &str) -> Credentials {
        let create = model::CreateAccessKey { user_name: Some(user_name.into()) };
        let key = self.admin().call(create).await.expect("a key").access_key;
        Credentials {
            access_key_id: key.access_key_id,
            secret_access_key: Secret::new(key.secret_access_key),
            session_token: None,
            expires_at: None,
        }
    }

    /// A new role with a trust policy and inline policies. Answers its ARN.
    pub async fn role(&self, name: &str, principal: &str, policies: &[&str]) -> String {
        let admin = self.admin();
        let create = model::CreateRole {
            role_name: name.into(),
            assume_role_policy_document: trust(principal),
            ..Default::default()
        };
        let role = admin.call(create).await.expect("a role").role;
        for (index, document) in policies.iter().enumerate() {
            let put = model::PutRolePolicy {
                role_name: name.into(),
                policy_name: format!("p{index}"),
                policy_document: (*document).into(),
            };
            admin.call(put).await.expect("a policy");
        }
        role.arn
    }
}

/// A trust policy that lets `principal` (JSON) assume the role.
pub fn trust(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}}}"#
    )
}

/// An identity policy of one statement.
pub fn statement(effect: &str, action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"{resource}"}}}}"#
    )
}

/// Temporary credentials as a client holds them.
pub fn credentials(issued: sts_model::Credentials) -> Credentials {
    Credentials {
        access_key_id: issued.access_key_id,
        secret_access_key: Secret::new(issued.secret_access_key),
        session_token: Some(Secret::new(issued.session_token)),
        expires_at: Some(issued.expiration),
    }
}

/// Calls, expects a refusal, and answers its code and message.
pub async fn refused<O: Operation>(client: &Client, input: O) -> (String, String) {
    match client.call(input).await {
        Ok(_) => panic!("{} was allowed", O::MODEL.name),
        Err(error) => (error.code.into_owned(), error.message),
    }
}
