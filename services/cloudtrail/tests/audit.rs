//! Calls leave records, and LookupEvents finds them.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use aws::client::GatewaySlot;
use aws::gateway::Origin;
use aws::objects::{ByteStream, ListObjects, ObjectHead, ObjectId, ObjectPage, PutObject};
use aws::{
    Access, AccessKey, AuditRecord, Auditor, Authenticator, Authoriser, Caller, Client, Ctx, Error, Gateway,
    Objects, Principal, Scope, Secret, Service,
};
use cloudtrail::{CloudTrail, Intervals};
use cloudtrail_model::{Event, LookupAttribute, LookupAttributeKey, LookupEvents};
use seal::Sealer;
use serde_json::{Value, json};
use store::{Config, Store};
use tempfile::TempDir;

/// Knows nobody, has no objects, and allows everything to callers that are known already.
struct Nothing;

fn nothing<T>() -> Result<T, Error> {
    Err(Error::not_implemented("nothing", "here"))
}

#[async_trait]
impl Authenticator for Nothing {
    async fn access_key(&self, _: &str) -> Result<Option<AccessKey>, Error> {
        Ok(None)
    }
    async fn git_password(&self, _: &str, _: &Secret) -> Result<Option<Caller>, Error> {
        Ok(None)
    }
}

#[async_trait]
impl Authoriser for Nothing {
    async fn authorise(&self, _: &Ctx, _: &Service, _: &str, _: &[Access]) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Objects for Nothing {
    async fn get_object(&self, _: &Ctx, _: &ObjectId) -> Result<(ObjectHead, ByteStream), Error> {
        nothing()
    }
    async fn head_object(&self, _: &Ctx, _: &ObjectId) -> Result<ObjectHead, Error> {
        nothing()
    }
    async fn put_object(&self, _: &Ctx, _: PutObject) -> Result<ObjectHead, Error> {
        nothing()
    }
    async fn list_objects(&self, _: &Ctx, _: &ListObjects) -> Result<ObjectPage, Error> {
        nothing()
    }
    async fn bucket_versioning(&self, _: &Ctx, _: &str) -> Result<bool, Error> {
        nothing()
    }
    async fn bucket_location(&self, _: &Ctx, _: &str) -> Result<String, Error> {
        nothing()
    }
}

struct Platform {
    trail: Arc<CloudTrail>,
    gateway: Arc<Gateway>,
    client: Client,
    jane: Caller,
    home: Scope,
    // The store's folder lives as long as the platform.
    _folder: TempDir,
}

impl Platform {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(Config::Sqlite { dir: folder.path().into() }).await.expect("a store");
        let account: aws::AccountId = "123456789012".parse().expect("an account");
        let home = Scope::new(account.clone(), "eu-west-1".parse().expect("a region"));
        let slot = GatewaySlot::default();
        let client = Client::new(slot.clone(), home.clone());
        let trail = CloudTrail::open(store, client.clone(), Sealer::new([7; 32]), Intervals::default());
        let nothing = Arc::new(Nothing);
        let routers = vec![cloudtrail::router(trail.clone())];
        let gateway = Arc::new(Gateway::new(
            home.clone(),
            [9; 32],
            nothing.clone(),
            nothing.clone(),
            trail.clone(),
            nothing,
            routers,
        ));
        slot.fill(gateway.clone());
        let jane = Principal::User { account, path: "/".into(), name: "jane".into(), id: "AIDAJANE".into() };
        let jane = Caller { access_key_id: Some("AKIAJANE".into()), ..Caller::of(jane) };
        Platform { trail, gateway, client, jane, home, _folder: folder }
    }

    /// Records a call of jane's that changes something.
    async fn write(&self, source: &str, name: &str, resources: &[&str], error: Option<Error>) {
        let origin = Origin {
            source_ip: Some([203, 0, 113, 7].into()),
            user_agent: Some("aws-cli/2".into()),
            secure_transport: true,
            invoked_by: None,
            source_arn: None,
            change: None,
        };
        let ctx = self.gateway.ctx(self.jane.clone(), self.home.clone(), "Test", origin);
        let record = AuditRecord {
            request_id: ctx.request_id.to_string(),
            ctx,
            event_source: source.into(),
            event_name: name.into(),
            read_only: false,
            request_parameters: json!({"name": "demo", "password": "***"}),
            response_elements: if error.is_none() { json!({"arn": "x"}) } else { Value::Null },
            resources: resources.iter().map(|&arn| arn.to_owned()).collect(),
            error,
        };
        self.trail.record(record).await.expect("recorded");
    }

    async fn lookup(&self, attribute: Option<(LookupAttributeKey, &str)>) -> Vec<Event> {
        let attribute = attribute
            .map(|(attribute_key, value)| LookupAttribute { attribute_key, attribute_value: value.into() });
        let input = LookupEvents { lookup_attributes: attribute.map(|one| vec![one]), ..Default::default() };
        let client = self.client.as_caller(self.jane.clone(), self.home.clone());
        client.call(input).await.expect("looked up").events.expect("a list")
    }
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().filter_map(|event| event.event_name.as_deref()).collect()
}

const PIPELINE: &str = "arn:aws:codepipeline:eu-west-1:123456789012:demo";

#[tokio::test]
async fn a_writing_call_is_found_as_soon_as_it_is_answered() {
    let platform = Platform::start().await;
    platform.write("codepipeline.amazonaws.com", "CreatePipeline", &[PIPELINE], None).await;
    let events = platform.lookup(Some((LookupAttributeKey::ResourceName, "demo"))).await;
    assert_eq!(names(&events), ["CreatePipeline"]);
    let event = &events[0];
    assert_eq!((event.username.as_deref(), event.read_only.as_deref()), (Some("jane"), Some("false")));
    let resource = &event.resources.as_ref().expect("resources")[0];
    assert_eq!(resource.resource_type.as_deref(), Some("AWS::CodePipeline::Pipeline"));
    let record: Value =
        serde_json::from_str(event.cloud_trail_event.as_deref().expect("a record")).expect("JSON");
    assert_eq!(record["eventID"].as_str(), event.event_id.as_deref());
    assert_eq!(record["requestParameters"]["password"], "HIDDEN_DUE_TO_SECURITY_REASONS");
    assert_eq!(record["sourceIPAddress"], "203.0.113.7");
    assert_eq!(record["userIdentity"]["arn"], "arn:aws:iam::123456789012:user/jane");
    assert_eq!(
        record["resources"],
        json!([{"accountId": "123456789012", "ARN": PIPELINE, "type": "AWS::CodePipeline::Pipeline"}])
    );
    for field in ["eventVersion", "eventTime", "awsRegion", "requestID", "eventType", "recipientAccountId"] {
        assert!(record[field].is_string(), "{field}");
    }
}

#[tokio::test]
async fn every_attribute_finds_the_call() {
    let platform = Platform::start().await;
    platform.write("codepipeline.amazonaws.com", "CreatePipeline", &[PIPELINE], None).await;
    platform.write("codebuild.amazonaws.com", "CreateProject", &[], None).await;
    let id = platform.lookup(None).await[1].event_id.clone().expect("an id");
    for (key, value) in [
        (LookupAttributeKey::EventName, "CreatePipeline"),
        (LookupAttributeKey::EventSource, "codepipeline.amazonaws.com"),
        (LookupAttributeKey::ResourceName, PIPELINE),
        (LookupAttributeKey::ResourceType, "AWS::CodePipeline::Pipeline"),
        (LookupAttributeKey::EventId, &id),
    ] {
        assert_eq!(names(&platform.lookup(Some((key.clone(), value))).await), ["CreatePipeline"], "{key}");
    }
    for (key, value) in [
        (LookupAttributeKey::Username, "jane"),
        (LookupAttributeKey::AccessKeyId, "AKIAJANE"),
        (LookupAttributeKey::ReadOnly, "false"),
    ] {
        let found = platform.lookup(Some((key.clone(), value))).await;
        assert_eq!(names(&found), ["CreateProject", "CreatePipeline"], "{key}");
    }
    assert_eq!(names(&platform.lookup(Some((LookupAttributeKey::Username, "joe"))).await), [""; 0]);
}

#[tokio::test]
async fn reads_are_found_after_a_flush() {
    let platform = Platform::start().await;
    platform.lookup(None).await;
    platform.lookup(None).await;
    platform.trail.flush().await;
    let events = platform.lookup(Some((LookupAttributeKey::ReadOnly, "true"))).await;
    assert_eq!(names(&events), ["LookupEvents", "LookupEvents"]);
    let record: Value =
        serde_json::from_str(events[0].cloud_trail_event.as_deref().expect("a record")).expect("JSON");
    assert_eq!((&record["readOnly"], &record["responseElements"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn refusals_are_recorded_with_their_reason() {
    let platform = Platform::start().await;
    let refusal = Error::access_denied("User: jane is not authorized");
    platform.write("codepipeline.amazonaws.com", "DeletePipeline", &[PIPELINE], Some(refusal)).await;
    let events = platform.lookup(None).await;
    let record: Value =
        serde_json::from_str(events[0].cloud_trail_event.as_deref().expect("a record")).expect("JSON");
    assert_eq!(record["errorCode"], "AccessDenied");
    assert_eq!(record["errorMessage"], "User: jane is not authorized");
}

#[tokio::test]
async fn data_events_are_no_events_of_lookups_and_iam_is_in_us_east_1() {
    let platform = Platform::start().await;
    platform.write("s3.amazonaws.com", "PutObject", &["arn:aws:s3:::bucket/key"], None).await;
    platform.write("iam.amazonaws.com", "CreateUser", &["arn:aws:iam::123456789012:user/joe"], None).await;
    assert_eq!(names(&platform.lookup(None).await), [""; 0]);
    let there = Scope { region: "us-east-1".parse().expect("a region"), ..platform.home.clone() };
    let client = platform.client.as_caller(platform.jane.clone(), there);
    let events = client.call(LookupEvents::default()).await.expect("looked up").events.expect("a list");
    assert_eq!(names(&events), ["CreateUser"]);
}

#[tokio::test]
async fn pages_and_bad_input() {
    let platform = Platform::start().await;
    for index in 0..5 {
        platform.write("codebuild.amazonaws.com", &format!("Call{index}"), &[], None).await;
    }
    let client = platform.client.as_caller(platform.jane.clone(), platform.home.clone());
    let mut found = Vec::new();
    let mut next_token = None;
    loop {
        let writes =
            LookupAttribute { attribute_key: LookupAttributeKey::ReadOnly, attribute_value: "false".into() };
        let input = LookupEvents {
            lookup_attributes: Some(vec![writes]),
            max_results: Some(2),
            next_token,
            ..Default::default()
        };
        let page = client.call(input).await.expect("looked up");
        found.extend(page.events.expect("a list").into_iter().filter_map(|event| event.event_name));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(found, ["Call4", "Call3", "Call2", "Call1", "Call0"]);
    let attribute =
        LookupAttribute { attribute_key: LookupAttributeKey::Username, attribute_value: "jane".into() };
    for (input, code) in [
        (
            LookupEvents { next_token: Some("forged".into()), ..Default::default() },
            "InvalidNextTokenException",
        ),
        (
            LookupEvents {
                lookup_attributes: Some(vec![attribute.clone(), attribute]),
                ..Default::default()
            },
            "InvalidLookupAttributesException",
        ),
        (
            LookupEvents {
                start_time: Some(aws::Timestamp::from_millis(2_000)),
                end_time: Some(aws::Timestamp::from_millis(1_000)),
                ..Default::default()
            },
            "InvalidTimeRangeException",
        ),
        (LookupEvents { max_results: Some(51), ..Default::default() }, "ValidationException"),
    ] {
        let error = client.call(input).await.expect_err("refused");
        assert_eq!(error.code, code);
    }
}
