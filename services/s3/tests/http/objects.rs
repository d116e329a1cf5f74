use std::collections::BTreeMap;

use http::Method;

use crate::rig::Rig;

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let rig = Rig::with_bucket(None).await;
    let headers = [
        ("content-type", "text/plain"),
        ("x-amz-meta-Color", "red"),
        ("cache-control", "max-age=60"),
        ("x-amz-tagging", "a=1"),
    ];
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
    assert_eq!(
        (unchanged.status.as_u16(), unchanged.body.as_str(), unchanged.header("etag")),
        (304, "", etag.as_str())
    );
    let write = async |key: &str, name, value: &str| {
        rig.put_with(&format!("/bkt/{key}"), &[(name, value)], "new").await
    };
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
async fn copies_keep_or_replace_what_is_said_of_the_source() {
    let rig = Rig::with_bucket(Some("Enabled")).await;
    let source =
        rig.put_with("/bkt/from", &[("x-amz-meta-a", "1"), ("x-amz-tagging", "t=1")], "hello").await.ok();
    let copied = rig.put_with("/bkt/to", &[("x-amz-copy-source", "/bkt/from")], "").await.ok();
    assert_eq!(copied.header("x-amz-copy-source-version-id"), source.header("x-amz-version-id"));
    assert!(copied.element("ETag").contains("5d41402abc4b2a76b9719d911017c592"));
    let got = rig.get("/bkt/to").await.ok();
    assert_eq!(
        (got.body.as_str(), got.header("x-amz-meta-a"), got.header("x-amz-tagging-count")),
        ("hello", "1", "1")
    );
    let replace =
        [("x-amz-copy-source", "bkt/from"), ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-b", "2")];
    rig.put_with("/bkt/to", &replace, "").await.ok();
    let got = rig.head("/bkt/to").await.ok();
    assert_eq!((got.header("x-amz-meta-a"), got.header("x-amz-meta-b")), ("", "2"));
    let onto_itself = rig.put_with("/bkt/from", &[("x-amz-copy-source", "bkt/from")], "").await;
    assert_eq!(onto_itself.code(), (400, "InvalidRequest"));
    let unmatched =
        [("x-amz-copy-source", "bkt/from"), ("x-amz-copy-source-if-none-match", source.header("etag"))];
    assert_eq!(rig.put_with("/bkt/to", &unmatched, "").await.code(), (412, "PreconditionFailed"));
    assert_eq!(
        rig.put_with("/bkt/to", &[("x-amz-copy-source", "bkt/none")], "").await.code(),
        (404, "NoSuchKey")
    );
}

#[tokio::test]
async fn the_encryption_asked_for_is_shown() {
    let rig = Rig::with_bucket(None).await;
    let kms = [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "key-1"),
    ];
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
