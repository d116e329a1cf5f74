//! Requests and answers as bytes on the wire show them, with policies that the tests decide.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws::gateway::Origin;
use aws::http::{self as wire, HttpService, Peer};
use aws::objects::{ListObjects, ObjectId, PutObject};
use aws::{
    Access, AccessKey, AuditRecord, Auditor, Authenticator, Authoriser, Caller, Ctx, Error, Event, Gateway, Objects,
    Principal, Scope, Secret, Service,
};
use blob::Blobs;
use futures_util::TryStreamExt;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use s3::{Config, Frontend, S3};
use store::Store;

/// Signatures are not checked; the policies deny the actions named, and everything is recorded.
#[derive(Default)]
struct Guard {
    denied: Mutex<Vec<String>>,
    asked: Mutex<Vec<Access>>,
    records: Mutex<Vec<AuditRecord>>,
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

struct Rig {
    frontend: Frontend,
    s3: Arc<S3>,
    gateway: Arc<Gateway>,
    store: Store,
    blobs: Blobs,
    guard: Arc<Guard>,
    _dir: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The text of the first element of a name.
    fn element(&self, name: &str) -> &str {
        let begin = self.body.find(&format!("<{name}>")).map(|at| at + name.len() + 2);
        let Some(rest) = begin.and_then(|begin| self.body.get(begin..)) else { return "" };
        rest.split("</").next().unwrap_or_default()
    }

    fn elements(&self, name: &str) -> Vec<&str> {
        let open = format!("<{name}>");
        self.body.split(open.as_str()).skip(1).map(|rest| rest.split("</").next().unwrap_or_default()).collect()
    }

    fn code(&self) -> (u16, &str) {
        (self.status.as_u16(), self.element("Code"))
    }

    #[track_caller]
    fn ok(self) -> Self {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        self
    }
}

impl Rig {
    async fn new() -> Self {
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

    async fn with_bucket(versioning: Option<&str>) -> Self {
        let rig = Self::new().await;
        rig.put("/bkt", "").await.ok();
        if let Some(status) = versioning {
            rig.version(status).await;
        }
        rig
    }

    async fn version(&self, status: &str) {
        let document = format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        self.put("/bkt?versioning", &document).await.ok();
    }

    async fn call(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
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

    async fn get(&self, target: &str) -> Answer {
        self.call(Method::GET, target, &[], "").await
    }

    async fn head(&self, target: &str) -> Answer {
        self.call(Method::HEAD, target, &[], "").await
    }

    async fn put(&self, target: &str, body: &str) -> Answer {
        self.call(Method::PUT, target, &[], body).await
    }

    async fn put_with(&self, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.call(Method::PUT, target, headers, body).await
    }

    async fn delete(&self, target: &str) -> Answer {
        self.call(Method::DELETE, target, &[], "").await
    }

    async fn post(&self, target: &str, body: &str) -> Answer {
        self.call(Method::POST, target, &[], body).await
    }

    fn deny(&self, actions: &[&str]) {
        *self.guard.denied.lock().unwrap() = actions.iter().map(|action| (*action).to_owned()).collect();
    }

    fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.guard.asked.lock().unwrap());
        asked.into_iter().map(|access| format!("{} {}", access.action.unwrap_or_default(), access.resource)).collect()
    }

    fn records(&self) -> Vec<AuditRecord> {
        std::mem::take(&mut *self.guard.records.lock().unwrap())
    }

    /// All events so far.
    async fn events(&self) -> Vec<Event> {
        let mut subscription = self.store.subscribe("events", "test").await.unwrap();
        let mut events = Vec::new();
        let wait = std::time::Duration::from_millis(200);
        while let Ok(delivery) = tokio::time::timeout(wait, subscription.next()).await {
            events.push(delivery.unwrap().payload.parse().unwrap());
        }
        events
    }

    fn ctx(&self, operation: &'static str) -> Ctx {
        let caller = Caller::of(Principal::Service { name: "codepipeline.amazonaws.com".into() });
        self.gateway.ctx(caller, self.gateway.home.clone(), operation, Origin::default())
    }
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let rig = Rig::with_bucket(None).await;
    let headers =
        [("content-type", "text/plain"), ("x-amz-meta-Color", "red"), ("cache-control", "max-age=60"), ("x-amz-tagging", "a=1")];
    let put = rig.put_with("/bkt/dir/a%20key", &headers, "hello").await.ok();
    assert_eq!(put.header("etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(put.header("x-amz-server-side-encryption"), "AES256");
    assert_eq!(put.header("x-amz-version-id"), "");
    assert_eq!(put.header("x-amz-request-id").len(), 16);
    let got = rig.get("/bkt/dir/a%20key").await.ok();
    assert_eq!(got.body, "hello");
    assert_eq!(got.header("content-type"), "text/plain");
    assert_eq!(got.header("x-amz-meta-color"), "red");
    assert_eq!(got.header("cache-control"), "max-age=60");
    assert_eq!(got.header("x-amz-tagging-count"), "1");
    assert_eq!(got.header("content-length"), "5");
    let head = rig.head("/bkt/dir/a%20key").await.ok();
    assert_eq!(head.header("content-length"), "5");
    assert_eq!(head.body, "");
    assert_eq!(rig.get("/bkt/dir/other").await.code(), (404, "NoSuchKey"));
    assert_eq!(rig.get("/none/key").await.code(), (404, "NoSuchBucket"));
}

#[tokio::test]
async fn ranges_are_answered_in_part() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/k", "0123456789").await.ok();
    for (range, body, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=5-100", "56789", "bytes 5-9/10"),
    ] {
        let part = rig.call(Method::GET, "/bkt/k", &[("range", range)], "").await;
        assert_eq!((part.status.as_u16(), part.body.as_str()), (206, body), "{range}");
        assert_eq!(part.header("content-range"), content_range);
    }
    let beyond = rig.call(Method::GET, "/bkt/k", &[("range", "bytes=10-")], "").await;
    assert_eq!(beyond.code(), (416, "InvalidRange"));
    assert_eq!(beyond.element("ActualObjectSize"), "10");
    let head = rig.call(Method::HEAD, "/bkt/k", &[("range", "bytes=0-0")], "").await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (206, "1"));
}

#[tokio::test]
async fn conditions_guard_reads_and_writes() {
    let rig = Rig::with_bucket(None).await;
    let etag = rig.put("/bkt/k", "hello").await.ok().header("etag").to_owned();
    let read = async |name, value: &str| rig.call(Method::GET, "/bkt/k", &[(name, value)], "").await;
    assert_eq!(read("if-match", &etag).await.status, 200);
    assert_eq!(read("if-match", "\"x\"").await.code(), (412, "PreconditionFailed"));
    let unchanged = read("if-none-match", &etag).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.as_str(), unchanged.header("etag")), (304, "", etag.as_str()));
    let write = async |key: &str, name, value: &str| rig.put_with(&format!("/bkt/{key}"), &[(name, value)], "new").await;
    let refused = write("k", "if-none-match", "*").await;
    assert_eq!(refused.code(), (412, "PreconditionFailed"));
    assert_eq!(refused.element("Condition"), "If-None-Match");
    write("fresh", "if-none-match", "*").await.ok();
    assert_eq!(write("absent", "if-match", &etag).await.code(), (404, "NoSuchKey"));
    assert_eq!(write("k", "if-match", "\"x\"").await.code(), (412, "PreconditionFailed"));
    write("k", "if-match", &etag).await.ok();
    assert_eq!(write("k", "if-none-match", &etag).await.code(), (501, "NotImplemented"));
}

#[tokio::test]
async fn bytes_are_held_against_their_checksums() {
    let rig = Rig::with_bucket(None).await;
    let put = rig.put_with("/bkt/k", &[("x-amz-checksum-crc32", "NhCmhg==")], "hello").await.ok();
    assert_eq!(put.header("x-amz-checksum-crc32"), "NhCmhg==");
    assert_eq!(put.header("x-amz-checksum-type"), "FULL_OBJECT");
    let shown = rig.call(Method::HEAD, "/bkt/k", &[("x-amz-checksum-mode", "ENABLED")], "").await;
    assert_eq!(shown.header("x-amz-checksum-crc32"), "NhCmhg==");
    assert_eq!(rig.head("/bkt/k").await.header("x-amz-checksum-crc32"), "");
    let wrong = rig.put_with("/bkt/k", &[("x-amz-checksum-crc32", "AAAAAA==")], "hello").await;
    assert_eq!(wrong.code(), (400, "BadDigest"));
    assert_eq!(wrong.element("Message"), "The CRC32 you specified did not match the calculated checksum.");
    let wrong = rig.put_with("/bkt/k", &[("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")], "hello").await;
    assert_eq!(wrong.code(), (400, "BadDigest"));
    assert_eq!(rig.put_with("/bkt/k", &[("content-md5", "x")], "hello").await.code(), (400, "InvalidDigest"));
    let computed = rig.put("/bkt/other", "hello").await.ok();
    assert_ne!(computed.header("x-amz-checksum-crc64nvme"), "");
}

#[tokio::test]
async fn a_checksum_may_come_after_the_body() {
    let rig = Rig::with_bucket(None).await;
    let put = async |trailer: &str| {
        let headers = [
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("x-amz-decoded-content-length", "5"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
            ("content-encoding", "aws-chunked"),
        ];
        let body = format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{trailer}\r\n\r\n");
        rig.put_with("/bkt/k", &headers, &body).await
    };
    assert_eq!(put("NhCmhg==").await.ok().header("x-amz-checksum-crc32"), "NhCmhg==");
    let got = rig.get("/bkt/k").await.ok();
    assert_eq!((got.body.as_str(), got.header("content-encoding")), ("hello", ""));
    assert_eq!(put("AAAAAA==").await.code(), (400, "BadDigest"));
}

#[tokio::test]
async fn versions_are_kept_and_deleted_one_by_one() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    let first = rig.put("/bkt/k", "one").await.ok().header("x-amz-version-id").to_owned();
    let second = rig.put("/bkt/k", "two").await.ok().header("x-amz-version-id").to_owned();
    assert_eq!(first.len(), 32);
    assert_eq!(rig.get("/bkt/k").await.body, "two");
    assert_eq!(rig.get(&format!("/bkt/k?versionId={first}")).await.body, "one");

    let deleted = rig.delete("/bkt/k").await;
    assert_eq!((deleted.status.as_u16(), deleted.header("x-amz-delete-marker")), (204, "true"));
    let marker = deleted.header("x-amz-version-id").to_owned();
    let absent = rig.get("/bkt/k").await;
    assert_eq!(absent.code(), (404, "NoSuchKey"));
    assert_eq!((absent.header("x-amz-delete-marker"), absent.header("x-amz-version-id")), ("true", marker.as_str()));
    let refused = rig.get(&format!("/bkt/k?versionId={marker}")).await;
    assert_eq!(refused.code(), (405, "MethodNotAllowed"));
    assert_eq!((refused.header("allow"), refused.element("ResourceType")), ("DELETE", "DeleteMarker"));

    let listed = rig.get("/bkt?versions").await.ok();
    // Markers and versions stand apart in the document; each are in order.
    assert_eq!(listed.elements("VersionId"), [marker.as_str(), second.as_str(), first.as_str()]);
    assert_eq!(listed.elements("IsLatest"), ["true", "false", "false"]);
    let undeleted = rig.delete(&format!("/bkt/k?versionId={marker}")).await;
    assert_eq!((undeleted.status.as_u16(), undeleted.header("x-amz-delete-marker")), (204, "true"));
    assert_eq!(rig.get("/bkt/k").await.body, "two");
    rig.delete(&format!("/bkt/k?versionId={second}")).await;
    assert_eq!(rig.get("/bkt/k").await.body, "one");
    assert_eq!(rig.get(&format!("/bkt/k?versionId={second}")).await.code(), (404, "NoSuchVersion"));
    assert_eq!(rig.get("/bkt/k?versionId=nonsense").await.code(), (400, "InvalidArgument"));
}

#[tokio::test]
async fn suspended_versioning_overwrites_the_null_version_only() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/k", "before").await.ok();
    rig.version("Enabled").await;
    let kept = rig.put("/bkt/k", "kept").await.ok().header("x-amz-version-id").to_owned();
    assert_eq!(rig.get("/bkt/k?versionId=null").await.body, "before");
    rig.version("Suspended").await;
    assert_eq!(rig.put("/bkt/k", "after").await.ok().header("x-amz-version-id"), "null");
    assert_eq!(rig.get("/bkt/k").await.body, "after");
    assert_eq!(rig.get("/bkt/k?versionId=null").await.body, "after");
    assert_eq!(rig.get(&format!("/bkt/k?versionId={kept}")).await.body, "kept");
    assert_eq!(rig.get("/bkt?versions").await.elements("VersionId"), ["null", kept.as_str()]);
}

#[tokio::test]
async fn listings_fold_and_go_on() {
    let rig = Rig::with_bucket(None).await;
    for key in ["a", "dir/1", "dir/2", "dir/sub/3", "e", "z%20z"] {
        rig.put(&format!("/bkt/{key}"), "x").await.ok();
    }
    let all = rig.get("/bkt?list-type=2").await.ok();
    assert_eq!(all.elements("Key"), ["a", "dir/1", "dir/2", "dir/sub/3", "e", "z z"]);
    assert_eq!((all.element("KeyCount"), all.element("IsTruncated")), ("6", "false"));
    let folded = rig.get("/bkt?list-type=2&delimiter=/").await.ok();
    assert_eq!(folded.elements("Key"), ["a", "e", "z z"]);
    assert!(folded.body.contains("<CommonPrefixes><Prefix>dir/</Prefix></CommonPrefixes>"), "{}", folded.body);
    assert_eq!(rig.get("/bkt?list-type=2&prefix=dir/&delimiter=/").await.elements("Key"), ["dir/1", "dir/2"]);
    let encoded = rig.get("/bkt?list-type=2&encoding-type=url&prefix=z").await;
    assert_eq!(encoded.elements("Key"), ["z+z"]);

    for (limit, delimiter) in [(1, ""), (2, ""), (1, "&delimiter=/"), (2, "&delimiter=/")] {
        let (mut entries, mut token) = (Vec::new(), String::new());
        loop {
            let page = rig.get(&format!("/bkt?list-type=2&max-keys={limit}{delimiter}{token}")).await.ok();
            let names = page.elements("Key").len() + page.body.matches("<CommonPrefixes>").count();
            assert!(names <= limit);
            entries.extend(page.elements("Key").into_iter().map(str::to_owned));
            if page.element("IsTruncated") == "false" {
                break;
            }
            token = format!("&continuation-token={}", page.element("NextContinuationToken"));
        }
        let expected = if delimiter.is_empty() { all.elements("Key") } else { folded.elements("Key") };
        assert_eq!(entries, expected);
    }
    let bad = rig.get("/bkt?list-type=2&continuation-token=forged").await;
    assert_eq!(bad.code(), (400, "InvalidArgument"));
    let older = rig.get("/bkt?marker=dir/2&max-keys=2").await.ok();
    assert_eq!(older.elements("Key"), ["dir/sub/3", "e"]);
    assert_eq!(rig.get("/bkt?list-type=2&max-keys=0").await.element("IsTruncated"), "false");
}

#[tokio::test]
async fn deleted_keys_are_not_listed_but_their_versions_are() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    for key in ["a", "b", "c"] {
        rig.put(&format!("/bkt/{key}"), "1").await.ok();
        rig.put(&format!("/bkt/{key}"), "2").await.ok();
    }
    rig.delete("/bkt/b").await;
    assert_eq!(rig.get("/bkt?list-type=2").await.elements("Key"), ["a", "c"]);
    let (mut listed, mut marker) = (0, String::new());
    loop {
        let page = rig.get(&format!("/bkt?versions&max-keys=2{marker}")).await.ok();
        listed += page.elements("VersionId").len();
        if page.element("IsTruncated") == "false" {
            break;
        }
        marker = format!("&key-marker={}&version-id-marker={}", page.element("NextKeyMarker"), page.element("NextVersionIdMarker"));
    }
    assert_eq!(listed, 7);
}

#[tokio::test]
async fn many_keys_are_deleted_at_once() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/a", "x").await.ok();
    rig.put("/bkt/c", "x").await.ok();
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>absent</Key></Object></Delete>";
    let answer = rig.post("/bkt?delete", body).await.ok();
    assert_eq!(answer.elements("Key"), ["a", "absent"]);
    rig.deny(&["s3:DeleteObject"]);
    let denied = rig.post("/bkt?delete", "<Delete><Object><Key>c</Key></Object></Delete>").await.ok();
    assert_eq!((denied.element("Code"), denied.element("Key")), ("AccessDenied", "c"));
    assert_eq!(rig.get("/bkt?list-type=2").await.elements("Key"), ["c"]);
    assert_eq!(rig.post("/bkt?delete", "<Delete></Delete>").await.code(), (400, "MalformedXML"));
}

#[tokio::test]
async fn parts_make_an_object() {
    let rig = Rig::with_bucket(None).await;
    let begun = rig.call(Method::POST, "/bkt/big?uploads", &[("x-amz-meta-a", "1")], "").await.ok();
    let id = begun.element("UploadId").to_owned();
    let large = "a".repeat(5 * 1024 * 1024);
    let one = rig.put(&format!("/bkt/big?partNumber=1&uploadId={id}"), &large).await.ok().header("etag").to_owned();
    let dropped = rig.put(&format!("/bkt/big?partNumber=2&uploadId={id}"), "dropped").await.ok();
    let two = rig.put(&format!("/bkt/big?partNumber=3&uploadId={id}"), "tail").await.ok().header("etag").to_owned();
    let parts = rig.get(&format!("/bkt/big?uploadId={id}")).await.ok();
    assert_eq!(parts.elements("PartNumber"), ["1", "2", "3"]);
    assert_eq!(rig.get("/bkt?uploads").await.ok().elements("UploadId"), [id.as_str()]);

    let complete = |parts: &[(u32, &str)]| {
        let parts: String = parts
            .iter()
            .map(|(n, etag)| format!("<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>"))
            .collect();
        format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
    };
    let target = format!("/bkt/big?uploadId={id}");
    let reversed = rig.post(&target, &complete(&[(3, &two), (1, &one)])).await;
    assert_eq!(reversed.code(), (400, "InvalidPartOrder"));
    let wrong = rig.post(&target, &complete(&[(1, &two)])).await;
    assert_eq!(wrong.code(), (400, "InvalidPart"));
    let small = rig.post(&target, &complete(&[(2, dropped.header("etag")), (3, &two)])).await;
    assert_eq!(small.code(), (400, "EntityTooSmall"));
    let done = rig.post(&target, &complete(&[(1, &one), (3, &two)])).await.ok();
    assert!(done.element("ETag").contains("-2"), "{}", done.body);
    let again = rig.post(&target, &complete(&[(1, &one), (3, &two)])).await.ok();
    assert_eq!(again.element("ETag"), done.element("ETag"));

    let head = rig.head("/bkt/big").await.ok();
    assert_eq!(head.header("content-length"), (large.len() + 4).to_string());
    assert_eq!(head.header("x-amz-meta-a"), "1");
    let across = rig.call(Method::GET, "/bkt/big", &[("range", "bytes=5242878-5242881")], "").await;
    assert_eq!(across.body, "aata");
    let part = rig.get("/bkt/big?partNumber=2").await;
    assert_eq!((part.status.as_u16(), part.body.as_str(), part.header("x-amz-mp-parts-count")), (206, "tail", "2"));
    assert_eq!(rig.get("/bkt/big?partNumber=3").await.code(), (416, "InvalidPartNumber"));
    assert_eq!(rig.get("/bkt?uploads").await.ok().elements("UploadId").len(), 0);
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let rig = Rig::with_bucket(None).await;
    let id = rig.post("/bkt/k?uploads", "").await.ok().element("UploadId").to_owned();
    rig.put(&format!("/bkt/k?partNumber=1&uploadId={id}"), "x").await.ok();
    assert_eq!(rig.delete(&format!("/bkt/k?uploadId={id}")).await.status, 204);
    assert_eq!(rig.delete(&format!("/bkt/k?uploadId={id}")).await.code(), (404, "NoSuchUpload"));
    assert_eq!(rig.put(&format!("/bkt/k?partNumber=1&uploadId={id}"), "x").await.code(), (404, "NoSuchUpload"));
    assert_eq!(rig.put("/bkt/k?partNumber=0&uploadId=u", "x").await.code(), (400, "InvalidArgument"));
}

#[tokio::test]
async fn copies_keep_or_replace_what_is_said_of_the_source() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    let source = rig.put_with("/bkt/from", &[("x-amz-meta-a", "1"), ("x-amz-tagging", "t=1")], "hello").await.ok();
    let copied = rig.put_with("/bkt/to", &[("x-amz-copy-source", "/bkt/from")], "").await.ok();
    assert_eq!(copied.header("x-amz-copy-source-version-id"), source.header("x-amz-version-id"));
    assert!(copied.element("ETag").contains("5d41402abc4b2a76b9719d911017c592"));
    let got = rig.get("/bkt/to").await.ok();
    assert_eq!((got.body.as_str(), got.header("x-amz-meta-a"), got.header("x-amz-tagging-count")), ("hello", "1", "1"));
    let replace = [("x-amz-copy-source", "bkt/from"), ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-b", "2")];
    rig.put_with("/bkt/to", &replace, "").await.ok();
    let got = rig.head("/bkt/to").await.ok();
    assert_eq!((got.header("x-amz-meta-a"), got.header("x-amz-meta-b")), ("", "2"));
    let onto_itself = rig.put_with("/bkt/from", &[("x-amz-copy-source", "bkt/from")], "").await;
    assert_eq!(onto_itself.code(), (400, "InvalidRequest"));
    let unmatched = [("x-amz-copy-source", "bkt/from"), ("x-amz-copy-source-if-none-match", source.header("etag"))];
    assert_eq!(rig.put_with("/bkt/to", &unmatched, "").await.code(), (412, "PreconditionFailed"));
    assert_eq!(rig.put_with("/bkt/to", &[("x-amz-copy-source", "bkt/none")], "").await.code(), (404, "NoSuchKey"));
}

#[tokio::test]
async fn buckets_are_made_found_and_deleted() {
    let rig = Rig::new().await;
    assert_eq!(rig.put("/Bad_Name", "").await.code(), (400, "InvalidBucketName"));
    rig.put("/one", "").await.ok();
    rig.put("/one", "").await.ok();
    let elsewhere = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    rig.put("/two", elsewhere).await.ok();
    assert_eq!(rig.put("/two", elsewhere).await.code(), (409, "BucketAlreadyOwnedByYou"));
    assert_eq!(rig.get("/").await.ok().elements("Name"), ["one", "two"]);
    assert_eq!(rig.head("/two").await.ok().header("x-amz-bucket-region"), "eu-west-1");
    assert!(rig.get("/two?location").await.ok().body.contains(">eu-west-1<"));
    assert_eq!(rig.head("/three").await.status, 404);
    rig.put("/one/k", "x").await.ok();
    assert_eq!(rig.delete("/one").await.code(), (409, "BucketNotEmpty"));
    rig.delete("/one/k").await.ok();
    rig.delete("/one").await.ok();
    assert_eq!(rig.delete("/one").await.code(), (404, "NoSuchBucket"));
}

#[tokio::test]
async fn a_bucket_may_stand_in_the_host_name() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/k", "hello").await.ok();
    let got = rig.call(Method::GET, "/k", &[("host", "bkt.s3.example.com:4000")], "").await.ok();
    assert_eq!(got.body, "hello");
    let got = rig.call(Method::GET, "/bkt/k", &[("host", "s3.example.com:4000")], "").await.ok();
    assert_eq!(got.body, "hello");
}

#[tokio::test]
async fn settings_are_kept_and_shown() {
    let rig = Rig::with_bucket(None).await;
    let documents = [
        ("cors", "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://x.example</AllowedOrigin></CORSRule></CORSConfiguration>", "AllowedOrigin", "https://x.example"),
        ("lifecycle", "<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix>tmp/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>", "Days", "3"),
        ("tagging", "<Tagging><TagSet><Tag><Key>team</Key><Value>build</Value></Tag></TagSet></Tagging>", "Value", "build"),
        ("encryption", "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>", "SSEAlgorithm", "aws:kms"),
        ("ownershipControls", "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>", "ObjectOwnership", "BucketOwnerPreferred"),
    ];
    for (setting, document, element, value) in documents {
        let target = format!("/bkt?{setting}");
        rig.put(&target, document).await.ok();
        assert_eq!(rig.get(&target).await.ok().element(element), value, "{setting}");
        assert_eq!(rig.delete(&target).await.status, 204, "{setting}");
        let after = rig.get(&target).await;
        if setting == "encryption" {
            assert_eq!(after.ok().element("SSEAlgorithm"), "AES256");
        } else {
            assert_eq!(after.status, 404, "{setting} {}", after.body);
        }
    }
    assert_eq!(rig.get("/bkt?publicAccessBlock").await.ok().element("BlockPublicPolicy"), "true");
    let event_bridge = "<NotificationConfiguration><EventBridgeConfiguration></EventBridgeConfiguration></NotificationConfiguration>";
    rig.put("/bkt?notification", event_bridge).await.ok();
    assert!(rig.get("/bkt?notification").await.ok().body.contains("EventBridgeConfiguration"));
    assert_eq!(rig.get("/bkt?acl").await.ok().element("Permission"), "FULL_CONTROL");
    assert_eq!(rig.get("/bkt?website").await.code(), (404, "NoSuchWebsiteConfiguration"));
    assert_eq!(rig.put("/bkt?cors", "<nonsense").await.code(), (400, "MalformedXML"));
}

#[tokio::test]
async fn a_policy_is_checked_kept_and_given_to_whoever_decides() {
    let rig = Rig::with_bucket(None).await;
    assert_eq!(rig.get("/bkt?policy").await.code(), (404, "NoSuchBucketPolicy"));
    let policy = |principal: &str| {
        format!(r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/*"}}]}}"#)
    };
    assert_eq!(rig.put("/bkt?policy", "[]").await.code(), (400, "MalformedPolicy"));
    let public = rig.put("/bkt?policy", &policy("\"*\"")).await;
    assert_eq!(public.code(), (403, "AccessDenied"));
    assert!(public.element("Message").contains("BlockPublicPolicy"), "{}", public.body);
    let own = policy(r#"{"AWS":"123456789012"}"#);
    rig.put("/bkt?policy", &own).await.ok();
    assert_eq!(rig.get("/bkt?policy").await.ok().body, own);
    rig.asked();
    rig.get("/bkt/k").await;
    rig.guard.asked.lock().unwrap().clear();
    rig.get("/bkt/k").await;
    let asked = rig.guard.asked.lock().unwrap().first().cloned().unwrap();
    assert_eq!(asked.resource_policy.as_deref(), Some(own.as_str()));
    assert_eq!(asked.resource_account.as_deref(), Some("123456789012"));
    rig.delete("/bkt?policy").await.ok();
    assert_eq!(rig.get("/bkt?policy").await.code(), (404, "NoSuchBucketPolicy"));
}

#[tokio::test]
async fn policies_are_asked_for_the_action_and_the_resource() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    let id = rig.put("/bkt/k", "x").await.ok().header("x-amz-version-id").to_owned();
    for (method, target, expected) in [
        (Method::GET, "/bkt/k".to_owned(), "s3:GetObject arn:aws:s3:::bkt/k"),
        (Method::HEAD, "/bkt/k".to_owned(), "s3:GetObject arn:aws:s3:::bkt/k"),
        (Method::GET, format!("/bkt/k?versionId={id}"), "s3:GetObjectVersion arn:aws:s3:::bkt/k"),
        (Method::DELETE, format!("/bkt/k?versionId={id}"), "s3:DeleteObjectVersion arn:aws:s3:::bkt/k"),
        (Method::GET, "/bkt?list-type=2".to_owned(), "s3:ListBucket arn:aws:s3:::bkt"),
        (Method::HEAD, "/bkt".to_owned(), "s3:ListBucket arn:aws:s3:::bkt"),
        (Method::GET, "/bkt?versions".to_owned(), "s3:ListBucketVersions arn:aws:s3:::bkt"),
        (Method::GET, "/".to_owned(), "s3:ListAllMyBuckets *"),
        (Method::GET, "/bkt?lifecycle".to_owned(), "s3:GetLifecycleConfiguration arn:aws:s3:::bkt"),
    ] {
        rig.asked();
        rig.call(method, &target, &[], "").await;
        assert_eq!(rig.asked(), [expected], "{target}");
    }
    rig.asked();
    rig.put("/bkt/k", "x").await.ok();
    rig.asked();
    rig.put_with("/bkt/copy", &[("x-amz-copy-source", "bkt/k")], "").await.ok();
    assert_eq!(rig.asked(), ["s3:GetObject arn:aws:s3:::bkt/k", "s3:PutObject arn:aws:s3:::bkt/copy"]);
}

#[tokio::test]
async fn a_refusal_names_the_resource_and_is_recorded() {
    let rig = Rig::with_bucket(None).await;
    rig.records();
    rig.deny(&["s3:GetObject"]);
    let denied = rig.get("/bkt/a%20key").await;
    assert_eq!(denied.code(), (403, "AccessDenied"));
    assert!(denied.element("Message").contains("on resource: &quot;arn:aws:s3:::bkt/a key&quot; because"), "{}", denied.body);
    let records = rig.records();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].event_name.as_str(), records[0].read_only), ("GetObject", true));
    assert_eq!(records[0].error.as_ref().unwrap().code, "AccessDenied");
    assert_eq!(records[0].request_parameters["key"], "a key");
    assert_eq!(records[0].resources, ["arn:aws:s3:::bkt/a key"]);
    let stranger = rig.call(Method::GET, "/bkt/k", &[("x-anonymous", "1")], "").await;
    assert_eq!(stranger.element("Message"), "Access Denied");
    let stranger = rig.call(Method::GET, "/none/k", &[("x-anonymous", "1")], "").await;
    assert_eq!(stranger.code(), (404, "NoSuchBucket"));
}

#[tokio::test]
async fn only_who_may_list_learns_that_a_key_is_absent() {
    let rig = Rig::with_bucket(None).await;
    rig.deny(&["s3:ListBucket"]);
    let answer = rig.get("/bkt/absent").await;
    assert_eq!(answer.code(), (403, "AccessDenied"));
    assert!(answer.element("Message").contains("s3:ListBucket"), "{}", answer.body);
}

#[tokio::test]
async fn what_is_not_built_says_so_and_is_recorded() {
    let rig = Rig::with_bucket(None).await;
    rig.records();
    let answer = rig.get("/bkt?inventory&id=1").await;
    assert_eq!(answer.code(), (501, "NotImplemented"));
    assert_ne!(answer.element("RequestId"), "");
    let records = rig.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].event_name, "GetBucketInventoryConfiguration");
    assert_eq!(records[0].error.as_ref().unwrap().code, "NotImplemented");
    let acl = rig.put_with("/bkt/k", &[("x-amz-acl", "public-read")], "x").await;
    assert_eq!(acl.code(), (400, "AccessControlListNotSupported"));
    let lock = rig.put_with("/bkt/k", &[("x-amz-object-lock-mode", "GOVERNANCE")], "x").await;
    assert_eq!(lock.code(), (400, "InvalidRequest"));
}

#[tokio::test]
async fn the_encryption_asked_for_is_shown() {
    let rig = Rig::with_bucket(None).await;
    let kms = [("x-amz-server-side-encryption", "aws:kms"), ("x-amz-server-side-encryption-aws-kms-key-id", "key-1")];
    rig.put_with("/bkt/k", &kms, "x").await.ok();
    let head = rig.head("/bkt/k").await.ok();
    assert_eq!(head.header("x-amz-server-side-encryption"), "aws:kms");
    assert_eq!(head.header("x-amz-server-side-encryption-aws-kms-key-id"), "key-1");
    let conditions: BTreeMap<String, Vec<String>> =
        rig.guard.asked.lock().unwrap().iter().flat_map(|access| access.context.clone()).collect();
    assert_eq!(conditions["s3:x-amz-server-side-encryption"], ["aws:kms"]);
}

#[tokio::test]
async fn tags_of_an_object_are_put_shown_and_deleted() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/k", "x").await.ok();
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    rig.put("/bkt/k?tagging", tags).await.ok();
    let shown = rig.get("/bkt/k?tagging").await.ok();
    assert_eq!((shown.element("Key"), shown.element("Value")), ("a", "1"));
    rig.delete("/bkt/k?tagging").await.ok();
    assert_eq!(rig.get("/bkt/k?tagging").await.ok().element("Key"), "");
    let twice = tags.replace("</TagSet>", "<Tag><Key>a</Key><Value>2</Value></Tag></TagSet>");
    assert_eq!(rig.put("/bkt/k?tagging", &twice).await.code(), (400, "InvalidTag"));
}

#[tokio::test]
async fn browsers_of_other_origins_follow_the_rules() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/k", "x").await.ok();
    let ask = [("origin", "https://x.example"), ("access-control-request-method", "GET")];
    assert_eq!(rig.call(Method::OPTIONS, "/bkt/k", &ask, "").await.code(), (403, "AccessForbidden"));
    let rules = "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://*.example</AllowedOrigin>\
                 <ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>";
    rig.put("/bkt?cors", rules).await.ok();
    let allowed = rig.call(Method::OPTIONS, "/bkt/k", &ask, "").await.ok();
    assert_eq!(allowed.header("access-control-allow-origin"), "https://x.example");
    assert_eq!(allowed.header("access-control-max-age"), "60");
    let got = rig.call(Method::GET, "/bkt/k", &[("origin", "https://x.example")], "").await.ok();
    assert_eq!(got.header("access-control-allow-origin"), "https://x.example");
    assert_eq!(got.header("access-control-expose-headers"), "ETag");
    let got = rig.call(Method::GET, "/bkt/k", &[("origin", "https://evil.test")], "").await.ok();
    assert_eq!(got.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn events_tell_of_what_came_and_went() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    rig.put("/bkt/k", "hello").await.ok();
    rig.put_with("/bkt/c", &[("x-amz-copy-source", "bkt/k")], "").await.ok();
    rig.put_with("/bkt/k", &[("if-none-match", "*")], "refused").await;
    rig.delete("/bkt/k").await.ok();
    let events = rig.events().await;
    let told: Vec<(&str, &str)> =
        events.iter().map(|event| (event.detail_type.as_str(), event.detail["reason"].as_str().unwrap())).collect();
    assert_eq!(told, [("Object Created", "PutObject"), ("Object Created", "CopyObject"), ("Object Deleted", "DeleteObject")]);
    let detail = &events[0].detail;
    assert_eq!(events[0].resources, ["arn:aws:s3:::bkt"]);
    assert_eq!(detail["bucket"]["name"], "bkt");
    assert_eq!((detail["object"]["key"].as_str(), detail["object"]["size"].as_u64()), (Some("k"), Some(5)));
    assert_eq!(detail["object"]["etag"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(detail["requester"], "123456789012");
    assert_eq!(detail["source-ip-address"], "192.0.2.1");
    assert_eq!(events[2].detail["deletion-type"], "Delete Marker Created");
    assert!(events[2].detail["object"].get("size").is_none());
}

#[tokio::test]
async fn services_use_the_same_objects() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    let put = PutObject::new("bkt", "artifact.zip", aws::objects::once("zipped"));
    let head = rig.s3.put_object(&rig.ctx("PutObject"), put).await.unwrap();
    assert!(head.version_id.is_some());
    let object = ObjectId::new("bkt", "artifact.zip");
    let (got, body) = rig.s3.get_object(&rig.ctx("GetObject"), &object).await.unwrap();
    let bytes: Vec<bytes::Bytes> = body.try_collect().await.unwrap();
    assert_eq!((bytes.concat(), got.size, got.version_id), (b"zipped".to_vec(), 6, head.version_id));
    assert!(rig.s3.bucket_versioning(&rig.ctx("GetBucketVersioning"), "bkt").await.unwrap());
    assert_eq!(rig.s3.bucket_location(&rig.ctx("GetBucketLocation"), "bkt").await.unwrap(), "us-east-1");
    let list = ListObjects { bucket: "bkt".into(), ..Default::default() };
    let page = rig.s3.list_objects(&rig.ctx("ListObjects"), &list).await.unwrap();
    assert_eq!(page.objects[0].0, "artifact.zip");
    let absent = rig.s3.head_object(&rig.ctx("HeadObject"), &ObjectId::new("bkt", "none")).await.unwrap_err();
    assert_eq!((absent.code.as_ref(), absent.status), ("NoSuchKey", 404));
    rig.deny(&["s3:GetObject"]);
    let denied = rig.s3.head_object(&rig.ctx("HeadObject"), &object).await.unwrap_err();
    assert_eq!((denied.code.as_ref(), denied.status), ("AccessDenied", 403));
}

#[tokio::test]
async fn a_blob_is_referenced_while_a_version_or_part_names_it() {
    let rig = Rig::with_bucket(None).await;
    rig.put("/bkt/k", "hello").await.ok();
    let blob = blob::BlobId::of(b"hello").digest;
    assert!(rig.blobs.head(blob).await.unwrap().is_some());
    assert!(rig.s3.references(blob).await.unwrap());
    rig.put_with("/bkt/copy", &[("x-amz-copy-source", "bkt/k")], "").await.ok();
    rig.delete("/bkt/k").await.ok();
    assert!(rig.s3.references(blob).await.unwrap());
    rig.delete("/bkt/copy").await.ok();
    assert!(!rig.s3.references(blob).await.unwrap());
}
