//! A front door whose services answer every operation with an invented output.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use aws::http::{Body, HttpService, Peer, Request, Response, full};
use aws::objects::{ByteStream, ListObjects, ObjectHead, ObjectId, ObjectPage, Objects, PutObject};
use aws::operation::{Operation, Service};
use aws::router::RouterBuilder;
use aws::shape::Shape;
use aws::{
    Access, AccessKey, AuditRecord, Auditor, Authenticator, Authoriser, Caller, Credentials, Ctx, Error,
    Gateway, Principal, Router, Scope, Secret,
};
use bytes::Bytes;
use http::response::Parts;
use http_body_util::BodyExt;
use server::{FrontDoor, Metrics};

use crate::arbitrary::Arbitrary;
use crate::rest_calls;

pub const MAX_BODY_BYTES: usize = 1024 * 1024;
const KEY: &str = "AKIDEXAMPLE00000001";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// The seed of every output.
const OUTPUT: u64 = 11;

/// Lets everybody do everything who has the one key.
struct Guard {
    is_open: bool,
}

#[async_trait]
impl Authenticator for Guard {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, Error> {
        let account = "123456789012".parse().map_err(Error::internal)?;
        Ok((access_key_id == KEY).then(|| AccessKey {
            secret: Secret::new(SECRET),
            session_token: None,
            expires_at: None,
            active: true,
            caller: Caller::of(Principal::Root { account }),
        }))
    }

    async fn git_password(&self, _user_name: &str, _password: &Secret) -> Result<Option<Caller>, Error> {
        Ok(None)
    }

    fn is_open(&self) -> bool {
        self.is_open
    }
}

#[async_trait]
impl Authoriser for Guard {
    async fn authorise(&self, _: &Ctx, _: &Service, _: &str, _: &[Access]) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Auditor for Guard {
    async fn record(&self, _record: AuditRecord) -> Result<(), Error> {
        Ok(())
    }
}

/// There is no S3 here.
struct NoObjects;

#[async_trait]
impl HttpService for NoObjects {
    async fn handle(&self, _request: Request, _peer: Peer) -> Response {
        let mut response = Response::new(full("no S3 here"));
        *response.status_mut() = http::StatusCode::NOT_FOUND;
        response
    }
}

#[async_trait]
impl Objects for NoObjects {
    async fn get_object(&self, _: &Ctx, _: &ObjectId) -> Result<(ObjectHead, ByteStream), Error> {
        Err(Error::not_implemented("S3", "GetObject"))
    }

    async fn head_object(&self, _: &Ctx, _: &ObjectId) -> Result<ObjectHead, Error> {
        Err(Error::not_implemented("S3", "HeadObject"))
    }

    async fn put_object(&self, _: &Ctx, _: PutObject) -> Result<ObjectHead, Error> {
        Err(Error::not_implemented("S3", "PutObject"))
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

/// The state of the services, which have none.
pub struct Inventor;

/// The output that the test services answer an operation with.
pub fn output_of<O: Operation>() -> O::Output {
    O::Output::read(O::MODEL.output, &mut Arbitrary::new(OUTPUT)).unwrap()
}

async fn invent<O: Operation>(_: &Inventor, _: &Ctx, _: O) -> Result<O::Output, Error> {
    Ok(output_of::<O>())
}

macro_rules! serve {
    ($($operation:path,)*) => {
        |router: RouterBuilder<Inventor>| {
            router$(.on::<$operation, _>(invent::<$operation>, |_, _| vec![Access::any()]))*.build()
        }
    };
}

fn routers() -> Vec<Router> {
    let state = Arc::new(Inventor);
    let of = |service| Router::of(service, state.clone());
    vec![
        cloudtrail_model::every_operation!(serve)(of(&cloudtrail_model::CLOUDTRAIL)),
        codebuild_model::every_operation!(serve)(of(&codebuild_model::CODEBUILD)),
        codecommit_model::every_operation!(serve)(of(&codecommit_model::CODECOMMIT)),
        codepipeline_model::every_operation!(serve)(of(&codepipeline_model::CODEPIPELINE)),
        iam_model::every_operation!(serve)(of(&iam_model::IAM)),
        logs_model::every_operation!(serve)(of(&logs_model::LOGS)),
        sts_model::every_operation!(serve)(of(&sts_model::STS)),
        (serve! { rest_calls::GetItem, rest_calls::PutItem, rest_calls::ListItems, })(of(&rest_calls::SHELF)),
        (serve! { rest_calls::GetLabel, })(of(&rest_calls::LABELS)),
    ]
}

/// With `is_open`, signatures are not checked: what lies behind them is tested.
pub fn front_door(is_open: bool) -> Arc<FrontDoor> {
    let guard = Arc::new(Guard { is_open });
    let home = Scope::new("123456789012".parse().unwrap(), "eu-central-1".parse().unwrap());
    let gateway =
        Gateway::new(home, [7; 32], guard.clone(), guard.clone(), guard, Arc::new(NoObjects), routers());
    let metrics = Arc::new(Metrics::default());
    Arc::new(FrontDoor::new(Arc::new(gateway), Vec::new(), Arc::new(NoObjects), metrics, MAX_BODY_BYTES))
}

pub fn credentials() -> Credentials {
    Credentials {
        access_key_id: KEY.to_owned(),
        secret_access_key: Secret::new(SECRET),
        session_token: None,
        expires_at: None,
    }
}

/// A signature of the right form, for an open door: the headers that it takes.
pub fn claimed(signing_name: &str) -> [(&'static str, String); 3] {
    let scope = format!("20260824/eu-central-1/{signing_name}/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders=host, Signature=0");
    [
        ("host", "127.0.0.1".to_owned()),
        ("x-amz-date", "20260824T123045Z".to_owned()),
        ("authorization", signature),
    ]
}

/// A request with such a signature.
pub fn claiming(signing_name: &str) -> http::request::Builder {
    claimed(signing_name)
        .into_iter()
        .fold(http::Request::builder(), |request, (name, value)| request.header(name, value))
}

pub async fn sent(door: &FrontDoor, request: http::Request<Bytes>) -> (Parts, Bytes) {
    let peer = Peer { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), secure_transport: false };
    let request = request.map(|body| -> Body { full(body) });
    let (parts, body) = door.handle(request, peer).await.into_parts();
    (parts, body.collect().await.unwrap().to_bytes())
}
