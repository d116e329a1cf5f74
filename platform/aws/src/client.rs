//! The typed client: one service calls another as every client does, as a principal, through validation,
//! authorisation and audit, but without bytes.

use std::sync::{Arc, OnceLock};

use subtle::ConstantTimeEq;

use crate::credentials::Credentials;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::gateway::{Gateway, Origin};
use crate::names::{Region, Scope};
use crate::objects::{ByteStream, ListObjects, ObjectHead, ObjectId, ObjectPage, PutObject};
use crate::operation::{Operation, Service};
use crate::principal::{Caller, Principal};
use crate::security::Access;
use crate::timestamp::Timestamp;

/// Calls operations as one identity. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    gateway: GatewaySlot,
    identity: Identity,
    scope: Scope,
    invoked_by: Option<String>,
    source_arn: Option<String>,
    change: Option<String>,
}

/// The gateway that is not there yet while services are made: they need a client, it needs their routers.
#[derive(Clone, Default)]
pub struct GatewaySlot(Arc<OnceLock<Arc<Gateway>>>);

#[derive(Clone)]
enum Identity {
    Caller(Caller),
    Credentials(Credentials),
}

impl GatewaySlot {
    /// Only the first gateway counts; there is one a process.
    pub fn fill(&self, gateway: Arc<Gateway>) {
        self.0.get_or_init(|| gateway);
    }

    fn get(&self) -> Result<&Arc<Gateway>, Error> {
        self.0.get().ok_or_else(|| Error::internal("a call was made before the gateway was there"))
    }
}

impl Client {
    /// A client that may do nothing until it is given an identity.
    pub fn new(gateway: GatewaySlot, scope: Scope) -> Self {
        let identity = Identity::Caller(Caller::anonymous());
        Self { gateway, identity, scope, invoked_by: None, source_arn: None, change: None }
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// As one of the platform's services. Roles admit it by `Principal: {Service: name}`.
    #[must_use]
    pub fn as_service(&self, name: &str, scope: Scope) -> Self {
        let identity = Identity::Caller(Caller::of(Principal::Service { name: name.to_owned() }));
        let invoked_by = Some(name.to_owned());
        Self { gateway: self.gateway.clone(), identity, scope, invoked_by, source_arn: None, change: None }
    }

    /// As the holder of a key, checked at each call: an expired session fails as it does over the wire.
    #[must_use]
    pub fn with_credentials(&self, credentials: Credentials, region: Region) -> Self {
        let scope = Scope { region, ..self.scope.clone() };
        Self { identity: Identity::Credentials(credentials), scope, ..self.clone() }
    }

    /// As somebody whose identity was proved before, for example the caller of the call being served.
    #[must_use]
    pub fn as_caller(&self, caller: Caller, scope: Scope) -> Self {
        let identity = Identity::Caller(caller);
        Self {
            gateway: self.gateway.clone(),
            identity,
            scope,
            invoked_by: None,
            source_arn: None,
            change: None,
        }
    }

    /// The same in another region.
    #[must_use]
    pub fn in_region(mut self, region: Region) -> Self {
        self.scope.region = region;
        self
    }

    /// Marks the calls as made by a service on behalf of the identity.
    #[must_use]
    pub fn invoked_by(mut self, service: &str) -> Self {
        self.invoked_by = Some(service.to_owned());
        self
    }

    /// Names the resource for which a service calls: policies see it as `aws:SourceArn`.
    #[must_use]
    pub fn on_behalf_of(mut self, source_arn: &str) -> Self {
        self.source_arn = Some(source_arn.to_owned());
        self
    }

    /// Names the change because of which a service calls, as [`Event::change`](crate::Event::change) does.
    #[must_use]
    pub fn because_of(mut self, change: String) -> Self {
        self.change = Some(change);
        self
    }

    /// Asks whether the identity may do something that no call does by itself. Errors: as such a call's.
    pub async fn authorise(
        &self,
        service: &Service,
        operation: &'static str,
        accesses: &[Access],
    ) -> Result<(), Error> {
        let gateway = self.gateway.get()?;
        let ctx = self.ctx(gateway, operation).await?;
        gateway.authoriser.authorise(&ctx, service, operation, accesses).await
    }

    /// See [`Authoriser::check_resource_policy`](crate::Authoriser::check_resource_policy). Needs no identity.
    pub async fn check_resource_policy(
        &self,
        service: &Service,
        resource: &str,
        policy: &str,
    ) -> Result<(), Error> {
        let gateway = self.gateway.get()?;
        let ctx = self.ctx(gateway, "CheckResourcePolicy").await?;
        gateway.authoriser.check_resource_policy(&ctx, service, resource, policy).await
    }

    pub async fn call<O: Operation>(&self, input: O) -> Result<O::Output, Error> {
        let gateway = self.gateway.get()?;
        let route = gateway.route(O::SERVICE, O::MODEL.name)?;
        let ctx = self.ctx(gateway, O::MODEL.name).await?;
        let output = gateway.call(&ctx, O::SERVICE, route, Box::new(input), &[]).await?;
        match output.into_any().downcast::<O::Output>() {
            Ok(output) => Ok(*output),
            Err(_) => Err(Error::internal("a handler answered another operation's output")),
        }
    }

    pub async fn get_object(&self, object: &ObjectId) -> Result<(ObjectHead, ByteStream), Error> {
        let gateway = self.gateway.get()?;
        gateway.objects.get_object(&self.ctx(gateway, "GetObject").await?, object).await
    }

    pub async fn head_object(&self, object: &ObjectId) -> Result<ObjectHead, Error> {
        let gateway = self.gateway.get()?;
        gateway.objects.head_object(&self.ctx(gateway, "HeadObject").await?, object).await
    }

    pub async fn put_object(&self, put: PutObject) -> Result<ObjectHead, Error> {
        let gateway = self.gateway.get()?;
        gateway.objects.put_object(&self.ctx(gateway, "PutObject").await?, put).await
    }

    pub async fn delete_object(&self, object: &ObjectId) -> Result<(), Error> {
        let gateway = self.gateway.get()?;
        gateway.objects.delete_object(&self.ctx(gateway, "DeleteObject").await?, object).await
    }

    pub async fn list_objects(&self, list: &ListObjects) -> Result<ObjectPage, Error> {
        let gateway = self.gateway.get()?;
        gateway.objects.list_objects(&self.ctx(gateway, "ListObjects").await?, list).await
    }

    pub async fn bucket_versioning(&self, bucket: &str) -> Result<bool, Error> {
        let gateway = self.gateway.get()?;
        gateway.objects.bucket_versioning(&self.ctx(gateway, "GetBucketVersioning").await?, bucket).await
    }

    pub async fn bucket_location(&self, bucket: &str) -> Result<String, Error> {
        let gateway = self.gateway.get()?;
        gateway.objects.bucket_location(&self.ctx(gateway, "GetBucketLocation").await?, bucket).await
    }

    pub async fn bucket_policy(&self, bucket: &str) -> Result<Option<String>, Error> {
        let gateway = self.gateway.get()?;
        gateway.objects.bucket_policy(&self.ctx(gateway, "GetBucketPolicy").await?, bucket).await
    }

    /// Errors: `NoSuchBucket`, `AccessDenied`.
    pub async fn admits_delivery(&self, bucket: &str, key: &str, acl: &str) -> Result<(), Error> {
        let gateway = self.gateway.get()?;
        gateway.objects.admits_delivery(&self.ctx(gateway, "PutObject").await?, bucket, key, acl).await
    }

    async fn ctx(&self, gateway: &Gateway, operation: &'static str) -> Result<Ctx, Error> {
        let caller = match &self.identity {
            Identity::Caller(caller) => caller.clone(),
            Identity::Credentials(credentials) => authenticate(gateway, credentials).await?,
        };
        let mut scope = self.scope.clone();
        if let Some(account) = caller.principal.account() {
            scope.account = account.clone();
        }
        let origin = Origin {
            user_agent: self.invoked_by.clone(),
            invoked_by: self.invoked_by.clone(),
            source_arn: self.source_arn.clone(),
            change: self.change.clone(),
            secure_transport: true,
            source_ip: None,
        };
        Ok(gateway.ctx(caller, scope, operation, origin))
    }
}

/// The holder of credentials, with the errors that the wire answers for wrong ones.
async fn authenticate(gateway: &Gateway, credentials: &Credentials) -> Result<Caller, Error> {
    let invalid = || {
        Error::new("UnrecognizedClientException", "The security token included in the request is invalid.")
    };
    let key = gateway.authenticator.access_key(&credentials.access_key_id).await?.ok_or_else(invalid)?;
    let given = [credentials.secret_access_key.reveal(), token_text(credentials.session_token.as_ref())];
    let known = [key.secret.reveal(), token_text(key.session_token.as_ref())];
    let same = given.iter().zip(known).all(|(a, b)| bool::from(a.as_bytes().ct_eq(b.as_bytes())));
    if !same || !key.active {
        return Err(invalid());
    }
    if key.expires_at.is_some_and(|at| at <= Timestamp::now()) {
        let message = "The security token included in the request is expired";
        return Err(Error::new("ExpiredTokenException", message));
    }
    Ok(key.caller)
}

fn token_text(token: Option<&crate::credentials::Secret>) -> &str {
    token.map_or("", |token| token.reveal())
}
