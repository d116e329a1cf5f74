//! Every operation of every model is called over a real connection by the remote client, and in CBOR.

use std::fmt::Debug;
use std::sync::Arc;

use aws::operation::Operation;
use aws::protocol::Progress;
use aws::protocol::cbor::{self, CborReader};
use aws::shape::Shape;
use aws::sigv4::sign::sign;
use aws::{Remote, Secret, Timestamp};
use bytes::Bytes;
use server::FrontDoor;

use crate::arbitrary::Arbitrary;
use crate::platform::{claiming, credentials, front_door, output_of, sent};

const INPUTS_PER_OPERATION: u64 = 3;

fn input<O: Operation>(seed: u64) -> O {
    O::read(O::MODEL.input, &mut Arbitrary::new(seed)).unwrap()
}

/// A served front door, stopped when it goes out of scope.
struct Served {
    remote: Remote,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Served {
    async fn start(door: Arc<FrontDoor>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(server::serve(listener, None, door, server::Limits::default(), async {
            let _ = stopped.await;
        }));
        let remote = Remote::new(&endpoint, "eu-central-1".parse().unwrap(), credentials()).unwrap();
        Self { remote, stop: Some(stop) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// An invented input is often against the model's constraints: that is the one refusal there may be.
async fn answers<O: Operation>(remote: &Remote) -> u32
where
    O::Output: PartialEq + Debug,
{
    let mut succeeded = 0;
    for seed in 0..INPUTS_PER_OPERATION {
        match remote.call(input::<O>(seed)).await {
            Ok(output) => {
                assert_eq!(output, output_of::<O>(), "{}", O::MODEL.name);
                succeeded += 1;
            }
            Err(error) => {
                let refused = (error.code.as_ref(), error.status);
                assert_eq!(refused, (O::SERVICE.validation.code, 400), "{}: {error}", O::MODEL.name);
                assert!(error.message.contains("detected: "), "{error}");
            }
        }
    }
    succeeded
}

macro_rules! all_answer {
    ($($operation:path,)*) => {
        async |remote: &Remote| { let mut succeeded = 0; $(succeeded += answers::<$operation>(remote).await;)* succeeded }
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn the_remote_client_reaches_every_operation() {
    let served = Served::start(front_door(false)).await;
    let remote = &served.remote;
    let mut succeeded = 0;
    succeeded += cloudtrail_model::every_operation!(all_answer)(remote).await;
    succeeded += codebuild_model::every_operation!(all_answer)(remote).await;
    succeeded += codecommit_model::every_operation!(all_answer)(remote).await;
    succeeded += codepipeline_model::every_operation!(all_answer)(remote).await;
    succeeded += iam_model::every_operation!(all_answer)(remote).await;
    succeeded += logs_model::every_operation!(all_answer)(remote).await;
    succeeded += sts_model::every_operation!(all_answer)(remote).await;
    assert!(succeeded > 40, "only {succeeded} calls passed validation");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_refused_in_each_protocols_words() {
    let door = front_door(false);
    let refused = async |signing_name: &str, headers: &[(&str, &str)], body: &'static [u8]| {
        let mut request = http::Request::builder().method("POST").uri("http://127.0.0.1/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, body) = request.body(Bytes::from_static(body)).unwrap().into_parts();
        let mut wrong = credentials();
        wrong.secret_access_key = Secret::new("wrong");
        sign(&mut parts, &body, &wrong, "eu-central-1", signing_name, Timestamp::now()).unwrap();
        let (parts, body) = sent(&door, http::Request::from_parts(parts, body)).await;
        (parts.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    };
    let target = [("x-amz-target", "CodeBuild_20161006.ListProjects")];
    let (status, body) = refused("codebuild", &target, b"{}").await;
    assert!(status == 400 && body.contains("\"__type\":\"InvalidSignatureException\""), "{body}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let (status, body) = refused("sts", &form, b"Action=GetCallerIdentity&Version=2011-06-15").await;
    assert!(status == 403 && body.contains("<Code>SignatureDoesNotMatch</Code>"), "{body}");
}

/// The same operations, in CBOR.
async fn answers_in_cbor<O: Operation>(door: &FrontDoor)
where
    O::Output: PartialEq + Debug,
{
    let target = if O::SERVICE.target_prefix.is_empty() { O::SERVICE.id } else { O::SERVICE.target_prefix };
    let body = cbor::to_bytes(&input::<O>(1), O::MODEL.input);
    let request = claiming(O::SERVICE.signing_name)
        .method("POST")
        .uri(format!("/service/{target}/operation/{}", O::MODEL.name))
        .header("smithy-protocol", "rpc-v2-cbor")
        .body(body)
        .unwrap();
    let (parts, body) = sent(door, request).await;
    assert_eq!(parts.headers["smithy-protocol"], "rpc-v2-cbor");
    assert_eq!(parts.headers["content-type"], "application/cbor");
    let value = cbor::parse(&body).unwrap();
    if parts.status == 200 {
        let mut progress = Progress::default();
        let output =
            O::Output::read(O::MODEL.output, &mut CborReader { value: &value, progress: &mut progress });
        assert_eq!(output, Ok(output_of::<O>()), "{}", O::MODEL.name);
    } else {
        assert_eq!(parts.status, 400, "{}: {value:?}", O::MODEL.name);
        let kind = value.as_map().unwrap().iter().find(|(key, _)| key.as_text() == Some("__type")).unwrap();
        assert_eq!(kind.1.as_text(), Some(O::SERVICE.validation.code), "{}", O::MODEL.name);
    }
}

macro_rules! all_answer_in_cbor {
    ($($operation:path,)*) => { async |door: &FrontDoor| { $(answers_in_cbor::<$operation>(door).await;)* } };
}

#[tokio::test]
async fn every_operation_is_reached_in_cbor() {
    let door = &front_door(true);
    cloudtrail_model::every_operation!(all_answer_in_cbor)(door).await;
    codebuild_model::every_operation!(all_answer_in_cbor)(door).await;
    codecommit_model::every_operation!(all_answer_in_cbor)(door).await;
    codepipeline_model::every_operation!(all_answer_in_cbor)(door).await;
    iam_model::every_operation!(all_answer_in_cbor)(door).await;
    logs_model::every_operation!(all_answer_in_cbor)(door).await;
    sts_model::every_operation!(all_answer_in_cbor)(door).await;
}

#[tokio::test]
async fn sts_answers_in_json_when_asked() {
    let door = front_door(true);
    let ask = async |query: &str| {
        let request = claiming("sts")
            .uri(format!("/?{query}"))
            .header("accept", "application/json")
            .body(Bytes::new())
            .unwrap();
        let (parts, body) = sent(&door, request).await;
        assert_eq!(parts.headers["content-type"], "application/json");
        (parts.status.as_u16(), serde_json::from_slice::<serde_json::Value>(&body).unwrap())
    };
    let (status, body) = ask("Action=GetCallerIdentity&Version=2011-06-15").await;
    let answered = &body["GetCallerIdentityResponse"];
    assert_eq!(status, 200);
    assert!(answered["GetCallerIdentityResult"].is_object(), "{body}");
    assert!(answered["ResponseMetadata"]["RequestId"].is_string(), "{body}");
    let (status, body) = ask("Action=Nonsense&Version=2011-06-15").await;
    assert_eq!((status, &body["Error"]["Code"]), (400, &serde_json::json!("InvalidAction")));
}

#[tokio::test]
async fn an_operation_that_needs_no_signature_is_not_asked_for_one() {
    let door = front_door(false);
    let request = http::Request::builder()
        .uri("/?Action=AssumeRoleWithWebIdentity&Version=2011-06-15")
        .body(Bytes::new())
        .unwrap();
    let (parts, body) = sent(&door, request).await;
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(
        parts.status == 501 && text.contains("AssumeRoleWithWebIdentity of STS is not built yet."),
        "{text}"
    );
}
